"""A model is trained and scored on data that it was made for, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lamina.spec import LaminaError
from lamina.tasks import Classify
from lamina.tasks.base import _same
from lamina.train import Silent, evaluate, fit
from lamina.train.evaluate import check
from task_cases import Case, each_shape, network
from task_world import write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    write_world(folder := tmp_path_factory.mktemp("world"))
    return folder


def table(path: Path, labels: str = "ab", shift: float = 0.0) -> Path:
    rows = [
        f"{i},{x + shift + 5 * (i % 2)},{labels[i % 2]}"
        for i in range(40)
        for x in (0.5, 1.5, i / 40)
    ]
    path.write_text("\n".join(["id,x,label", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("other", "what"),
    [({"labels": "cd"}, "labels"), ({"labels": "ba"}, None), ({"shift": 100.0}, r"scale\.json")],
    ids=str,
)
def test_a_model_of_other_data_is_refused(tmp_path: Path, other: dict, what: str | None) -> None:
    task = Classify(table(tmp_path / "a.csv"), id="id")
    model = task.model(depth=1, width=3)
    again = Classify(table(tmp_path / "b.csv", **other), id="id")
    if what is None:  # the same labels and numbers, in whatever rows
        fit(model, again, epochs=1, progress=Silent())
        return
    for use in (
        lambda: fit(model, again, epochs=1, progress=Silent()),
        lambda: evaluate(model, again),
    ):
        with pytest.raises(LaminaError, match=rf"other data: its {what} is not that of this task"):
            use()


@each_shape
def test_a_task_takes_its_own_models_and_draws_nothing(
    case: Case, shape: dict[str, Any], world: Path
) -> None:
    task = case.open(world)
    model = network(task, shape)
    before = torch.random.get_rng_state()
    check(model, task)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"tokens": ["a"], "unicode": "NFC"}', '{"tokens": ["a"]}', True),
        ('{"tokens": ["a"], "unicode": "NFC"}', '{"tokens": ["b"]}', False),
        ('{"mean": [1.0], "scale": [2.0]}', '{"mean": [1.0000001], "scale": [2.0]}', True),
        ('{"mean": [1.0], "scale": [2.0]}', '{"mean": [1.1], "scale": [2.0]}', False),
        ('{"mean": [1e-9], "scale": [1.0]}', '{"mean": [5e-18], "scale": [1.0]}', True),
        ('{"mean": [1e-9], "scale": [1e-9]}', '{"mean": [5e-9], "scale": [1e-9]}', False),
        ('{"mean": [1.0], "scale": [1.0]}', '{"mean": [1.0, 2.0], "scale": [1.0, 1.0]}', False),
        ('{"mean": [1.0]}', '{"mean": [1.0, 2.0]}', False),
        (["a", "b"], ["a", "c"], False),
        ("a", "b", False),
        (["100001"], ["100003"], False),
        (["1"], ["true"], False),
        ('{"tokens": ["20000001"]}', '{"tokens": ["20000003"]}', False),
        ({"a": 10000}, {"a": 10001}, False),
    ],
)
def test_what_earlier_versions_wrote_means_the_same(one: Any, other: Any, same: bool) -> None:
    assert _same(one, other) is _same(other, one) is same


def test_a_task_of_ones_own_may_build_its_network_as_it_likes(tmp_path: Path) -> None:
    class Spread(Classify):
        def network(self, options: Any) -> Any:
            assert torch.linspace(0, 1, 3)[1].item() == 0.5  # impossible without memory
            return super().network(options)

    task = Spread(table(tmp_path / "a.csv"), id="id")
    fit(task.model(depth=1, width=3), task, epochs=1, progress=Silent())
