"""What a run folder keeps of a model: missing or malformed parts are refused where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from lamina.nn import StackOptions
from lamina.spec import LaminaError, Model
from lamina.store import RunFolder
from lamina.tasks import TASKS, load_processor
from lamina.tasks.saved import SavedModel


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "config.json: has no object 'options'"),
        ({"options": []}, "config.json: has no object 'options'"),
        ({"options": {"dept": 2}}, "no options field 'dept'; did you mean 'depth'"),
        ({"options": {"depth": "2"}}, "config.json: depth is '2'; need a whole number"),
    ],
)
def test_a_part_is_a_whole_object(config: dict[str, Any], message: str) -> None:
    with pytest.raises(LaminaError) as caught:
        SavedModel(config, {}, "config.json").part("options", StackOptions)
    assert message in str(caught.value)


def test_parts_and_assets_come_back() -> None:
    saved = SavedModel({"options": {"depth": 3}}, {"a.json": "{}"}, "config.json")
    assert saved.part("options", StackOptions) == StackOptions(depth=3)
    assert saved.asset("a.json") == "{}"
    with pytest.raises(LaminaError, match=r"^config\.json: has no b\.json$"):
        saved.asset("b.json")


@pytest.mark.parametrize("config", [{}, {"inputs": 5}, {"inputs": None}, {"options": []}], ids=str)
@pytest.mark.parametrize("task", TASKS)
def test_a_configuration_with_nothing_in_it_is_refused_in_one_line(
    task: str, config: dict[str, Any]
) -> None:
    with pytest.raises(LaminaError) as caught:
        TASKS[task].Network.from_saved(SavedModel(config, {}, "config.json"))
    assert str(caught.value).startswith("config.json: ")


@pytest.mark.parametrize("task", [[], 3, None, "sing"], ids=str)
def test_a_processor_of_no_task_is_refused(task: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "load_assets", lambda self: ({"model": {"task": task}}, {}))
    with pytest.raises(LaminaError, match=r"run.config\.json: no task .*; the tasks are language"):
        load_processor("run")


class _Breaks(Model):
    def predict(self, examples: Sequence[Any]) -> list[str]:
        with self.evaluating():
            assert not self.training
            assert not torch.is_grad_enabled()
            raise KeyError


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_comes_back_even_where_an_answer_breaks(training: bool) -> None:
    model = _Breaks().train(training)
    with pytest.raises(KeyError):
        model.predict([])
    assert model.training == training
    assert torch.is_grad_enabled()
