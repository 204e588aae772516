"""What holds for a training of every task: what it depends on, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lamina.spec import Model, Task
from lamina.store import RunFolder
from lamina.tasks import load, reopen
from lamina.train import Silent, evaluate, fit
from lamina.train.result import TIME_FIELDS
from task_cases import Case, each_case
from task_world import write_world

#: A checkpoint falls into every epoch, between two batches.
TRAINING = {"epochs": 2, "lr": 0.01, "checkpoint_steps": 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """Folders with the data of every case: as they are, and with a part made strange."""
    folder = tmp_path_factory.mktemp("world")
    write_world(folder / "plain")
    for part in ("validation", "test"):
        write_world(folder / part, part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        yield folder


def fresh(case: Case, task: Task, seed: int = 0) -> Model:
    """A network with dropout."""
    torch.manual_seed(seed)
    return task.model(**{"width": 6, **case.shapes[0], "dropout": 0.3})


def learn(case: Case, folder: Path, out: Path, seed: int = 0) -> Model:
    task = case.open(folder)
    model = fresh(case, task)
    fit(model, task, **TRAINING, seed=seed, out=out, progress=Silent())
    return model


def left(out: Path) -> dict[str, Any]:
    """What a training leaves behind but for times."""
    run = RunFolder.open(out)
    config, assets, weights = run.load_model_files()
    history = [{k: v for k, v in line.items() if k not in TIME_FIELDS} for line in run.history()]
    result = {k: v for k, v in (run.result() or {}).items() if k not in TIME_FIELDS}
    source = run.config()["task"]["data"]["source"]
    folder = Path(source if isinstance(source, str) else source[0]).parent
    return {
        "model": json.dumps(config["model"]).replace(str(folder), ""),
        "assets": assets,
        "weights": {name: tensor.tolist() for name, tensor in weights.items()},
        "history": history,
        "result": {name: value for name, value in result.items() if name != "out"},
    }


class Stop(BaseException):
    """Ends a training as a crash would."""


@each_case
def test_what_was_saved_answers_and_scores_as_before(case, world, tmp_path) -> None:
    model = learn(case, world / "plain", tmp_path / "run")
    again = load(tmp_path / "run")
    examples = list(model.read(world / "plain" / case.answered()))[:4]
    assert again.answers(examples) == model.answers(examples)
    assert again.config() == model.config()
    task = case.open(world / "plain")
    assert evaluate(again, task, "test") == evaluate(model, task, "test")


@each_case
def test_a_run_that_was_killed_between_two_batches_ends_the_same(
    case, world, tmp_path, monkeypatch
) -> None:
    learn(case, world / "plain", tmp_path / "whole")
    task = case.open(world / "plain")
    batches = len(task.batches("train"))
    assert batches > 3
    steps, step = 0, task.step

    def stopping(model, batch, state):
        nonlocal steps
        steps += model.training and torch.is_grad_enabled()
        if steps == batches + 4:
            raise Stop
        return step(model, batch, state)

    monkeypatch.setattr(task, "step", stopping)
    with pytest.raises(Stop):
        fit(fresh(case, task), task, **TRAINING, out=tmp_path / "killed", progress=Silent())
    config = RunFolder.open(tmp_path / "killed").config()
    task = reopen(config["task"])
    model = fresh(case, task, seed=5)  # its first weights are not used
    fit(model, task, resume=True, out=tmp_path / "killed", progress=Silent())
    assert left(tmp_path / "killed") == left(tmp_path / "whole")


@each_case
def test_the_seed_decides(case, world, tmp_path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        learn(case, world / "plain", tmp_path / name, seed)
    one, same, other = (left(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert one["weights"] != other["weights"]


@each_case
def test_the_test_part_never_touches_training(case, world, tmp_path) -> None:
    """Neither what is learned, nor what is fitted to the data, nor the epoch that is chosen."""
    for name in ("plain", "test"):
        learn(case, world / name, tmp_path / name)
    assert left(tmp_path / "plain") == left(tmp_path / "test")
    scores = [
        evaluate(load(tmp_path / "plain"), case.open(world / name), "test")
        for name in ("plain", "test")
    ]
    assert scores[0] != scores[1]  # the part is another one indeed


@each_case
def test_the_validation_part_only_chooses(case, world, tmp_path) -> None:
    for name in ("plain", "validation"):
        learn(case, world / name, tmp_path / name)
    one, other = left(tmp_path / "plain"), left(tmp_path / "validation")
    for what in ("model", "assets"):
        assert one[what] == other[what]
    for a, b in zip(one["history"], other["history"], strict=True):
        chosen = [name for name in a if name.startswith("validation")]
        assert any(a[name] != b[name] for name in chosen)
        assert all(a[name] == b[name] for name in a if name not in chosen)
