"""Tasks and networks of one's own resume as they would have gone on, whatever they do in a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lamina.spec import Batch, Model, Step
from lamina.store import RunFolder
from lamina.train import Silent, fit
from toy import PointModel, Points, Stream

TRAINING: dict[str, Any] = {"epochs": 3, "lr": 0.02, "threads": 1, "checkpoint_steps": 2}


class Stop(BaseException):
    """Ends a training run as a crash would."""


class Remembering(PointModel):
    """Keeps what a state dict does not: a buffer, an attribute, a generator and a cache."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()), persistent=False)
        self.calls = 0
        self.generator = torch.Generator().manual_seed(3)
        self.cache: Tensor | None = None


class Forgetful(Points):
    """Steps that depend on all of that, and on a generator of the task's own."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(4)

    def model(self, options: Any = None, /, **changes: Any) -> PointModel:
        return Remembering()

    def step(self, model: Model, batch: Batch, state: Any) -> Step:
        step = super().step(model, batch, state)
        if not model.training:
            return step
        assert isinstance(model, Remembering)
        model.count += 1
        model.calls += 1
        if model.cache is None:
            model.cache = torch.ones(()) * 2
        noise = torch.rand((), generator=model.generator) + torch.rand((), generator=self.generator)
        factor = model.cache + model.count.sin() + model.calls % 3 + noise
        return Step(step.loss * factor, step.sums, step.count)


def weights(folder: Path) -> dict[str, Any]:
    return {name: t.tolist() for name, t in RunFolder.open(folder).load_model_files()[2].items()}


def test_nothing_is_run_to_read_a_checkpoint(tmp_path: Path) -> None:
    """Paused and resumed with the same objects, which keep what no checkpoint holds."""
    for name, pauses in (("whole", [None]), ("paused", [1, 2, None])):
        torch.manual_seed(0)
        task = Forgetful()
        model = task.model()
        for until in pauses:
            fit(
                model, task, **TRAINING, until=until, resume=True, out=tmp_path / name,
                progress=Silent(),
            )  # fmt: skip
    assert weights(tmp_path / "paused") == weights(tmp_path / "whole")


class Branching(PointModel):
    """Two heads, of which each batch uses one."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Linear(2, 2)


class Varied(Points):
    """Odd batches train another head than even ones, and have a sum of their own."""

    stop: int | None = None

    def model(self, options: Any = None, /, **changes: Any) -> PointModel:
        return Branching()

    def step(self, model: Model, batch: Batch, state: Any) -> Step:
        assert isinstance(model, Branching)
        if not model.training:
            return super().step(model, batch, state)
        if self.train_steps == self.stop:
            raise Stop
        odd = self.train_steps % 2
        self.train_steps += 1
        logits = (model.other if odd else model.head)(batch.inputs[0])
        total = nn.functional.cross_entropy(logits, batch.targets, reduction="sum")
        right = (logits.argmax(1) == batch.targets).sum()
        sums = {"loss": total.detach(), "right": right}
        if odd:
            sums["odd"] = torch.ones(())
        return Step(total / len(batch.targets), sums, len(batch.targets))


def train(out: Path, task: Points | Stream, seed: int = 0, **more: Any) -> None:
    torch.manual_seed(seed)
    settings = {**TRAINING, **more}
    fit(task.model(), task, **settings, resume=True, out=out, progress=Silent())


def whole_and_resumed(
    folder: Path, kind: Callable[[], Varied | Narrowing | Undefined], stop: int, **more: Any
) -> tuple[Path, Path]:
    """A run that nothing stops, and one that is stopped before a step and goes on."""
    more = {**more, "checkpoint_steps": 1}
    whole, run = folder / "whole", folder / "run"
    train(whole, kind(), **more)
    task = kind()
    task.stop = stop
    with pytest.raises(Stop):
        train(run, task, **more)
    task.stop = None
    train(run, task, seed=1, **more)
    return whole, run


@pytest.mark.parametrize("more", [{}, {"optimizer": "sgd", "momentum": 0.5}, {"optimizer": "sgd"}])
@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5, 9])
def test_batches_may_use_other_parameters_and_have_other_sums(
    tmp_path: Path, stop: int, more: dict[str, Any]
) -> None:
    whole, run = whole_and_resumed(tmp_path, Varied, stop, **more)
    assert weights(run) == weights(whole)


class Narrowing(Stream):
    """Two streams one after another, the second of them narrower."""

    stop: int | None = None
    steps = 0

    def batches(self, part: str, *, epoch: int = 0, seed: int = 0) -> list[Batch]:
        wide = list(super().batches(part, epoch=epoch, seed=seed))
        return wide + [Batch(b.inputs[:, :2], b.targets[:, :2], fresh=b.fresh) for b in wide]

    def step(self, model: Model, batch: Batch, state: Any) -> Step:
        if model.training:
            if self.steps == self.stop:
                raise Stop
            self.steps += 1
        return super().step(model, batch, state)


@pytest.mark.parametrize("stop", [3, 12, 13, 17, 24, 30])
def test_a_state_may_be_of_another_size_than_the_first(tmp_path: Path, stop: int) -> None:
    whole, run = whole_and_resumed(tmp_path, Narrowing, stop, epochs=2)
    assert weights(run) == weights(whole)


class Undefined(Points):
    """Has sums that JSON has no number for, and a score that depends on which."""

    stop: int | None = None

    def step(self, model: Model, batch: Batch, state: Any) -> Step:
        step = super().step(model, batch, state)
        if model.training and self.train_steps == self.stop:
            raise Stop
        odd = {name: torch.tensor(float(name)) for name in ("nan", "inf", "-inf")}
        return Step(step.loss, {**step.sums, **odd}, step.count)

    def summary(self, sums: Any, count: int) -> dict[str, float]:
        inverse = {f"1/{name}": 1 / sums[name] for name in ("inf", "-inf")}
        return {**super().summary(sums, count), **inverse, "nan": sums["nan"]}


@pytest.mark.parametrize("stop", [2, 5])
def test_sums_may_be_infinite_or_undefined(tmp_path: Path, stop: int) -> None:
    folders = whole_and_resumed(tmp_path, Undefined, stop)
    whole, resumed = (RunFolder.open(folder).history() for folder in folders)
    assert weights(folders[1]) == weights(folders[0])
    scores = ("train_1/inf", "train_1/-inf", "train_nan", "train_loss")
    assert [[line[name] for name in scores] for line in resumed] == [
        [line[name] for name in scores] for line in whole
    ]
    assert whole[0]["train_1/-inf"] == 0.0
    assert whole[0]["train_nan"] is None
