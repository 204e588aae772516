"""What a seed changes, on which scale the margin stands, and what a cost is measured on."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.ask import measure as measuring
from lamina.depth.ask.candidates import Candidate
from lamina.depth.ask.measure import Cost, measure
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import train
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import PERPLEXITY, Batch, Model, Part, State, Step
from lamina.train import Settings, Silent

QUICK = Settings(epochs=1, lr=0.02, threads=1)


class Watched(Toy):
    """Remembers what training saw: the data of each batch, and what dropout would draw."""

    def __init__(self) -> None:
        super().__init__()
        self.data: list[float] = []
        self.draws: list[float] = []

    def step(self, model: Any, batch: Batch, state: State | None) -> Step:
        if model.training:
            self.data.append(float(batch.inputs.sum()))
            self.draws.append(float(torch.rand(())))
        return super().step(model, batch, state)


def trained(folder: Path, seed: int, settings: Settings = QUICK) -> Watched:
    task = Watched()
    candidate = Candidate(1, 4, 42)  # the parameters of one layer of four
    setup = Setup(task, (candidate,), settings, None, {})
    train.run(Job(depth=1, seed=seed), setup, folder, Silent())
    return task


def test_a_seed_changes_the_order_of_the_data_and_dropout(tmp_path: Path) -> None:
    a, b = (trained(tmp_path / str(seed), seed) for seed in (0, 1))
    assert a.data != b.data
    assert not set(a.draws) & set(b.draws)


def test_the_seed_of_the_settings_is_not_used(tmp_path: Path) -> None:
    a, b = (trained(tmp_path / str(s), 3, QUICK.changed(seed=s)) for s in (0, 1))
    assert (a.data, a.draws) == (b.data, b.draws)


class Scripted(Toy):
    """A task whose perplexity is dictated by the depth of the model."""

    metric = PERPLEXITY

    def __init__(self, perplexity: Mapping[int, float]):
        super().__init__()
        self.perplexity = perplexity

    def step(self, model: Any, batch: Batch, state: State | None) -> Step:
        step = super().step(model, batch, state)
        depth = torch.tensor(float(model.options.depth * step.count))
        return Step(step.loss, {**step.sums, "depth": depth}, step.count)

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        depth = round(sums["depth"] / count)
        return {"loss": sums["loss"] / count, "perplexity": self.perplexity[depth]}


@pytest.mark.parametrize(("second", "chosen"), [(55.0, 1), (45.0, 2)])
def test_the_margin_of_a_relative_metric_is_percent_of_the_value(
    second: float, chosen: int
) -> None:
    """45% less is below a margin of 50%, though ``100 * ln(100 / 55)`` is 60; 55% less is above."""
    task = Scripted({1: 100.0, 2: second})
    verdict = search(
        task, depths=(1, 2), seeds=2, min_gain=50, settings=QUICK, progress=SilentSearch()
    )
    assert (verdict.decision.outcome, verdict.decision.depth) == ("use", chosen)


class Clock:
    """A clock that stands still but for what is added to ``now`` (seconds)."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(Toy):
    """Batches of 1, 2, 3, 4 and 30 steps; a training step takes 10 ms a layer of the model.

    The first two steps of a model, of which one is timed to warm up, and every third one hang.
    """

    def __init__(self, clock: Clock):
        super().__init__()
        self.clock = clock
        self.seen: dict[int, list[int]] = {}

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        return [Batch(torch.zeros(t, 1, 2), torch.zeros(1).long()) for t in (30, 1, 4, 2, 3)]

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        depth = model.config()["options"]["depth"]
        seen = self.seen.setdefault(depth, [])
        seen.append(batch.steps)
        hangs = len(seen) <= 2 or len(seen) % 3 == 0
        self.clock.now += 3600.0 if hangs else 0.010 * depth
        return super().step(model, batch, state)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> tuple[Timed, tuple[Cost, ...]]:
    clock = Clock()
    monkeypatch.setattr(
        measuring, "time", types.SimpleNamespace(perf_counter=clock, monotonic=clock)
    )
    task = Timed(clock)
    return task, measure({d: task.model(depth=d) for d in (1, 3)}, task, {1: QUICK, 3: QUICK})


def test_time_is_the_median_step_in_milliseconds(timed) -> None:
    assert [cost.step_ms for cost in timed[1]] == pytest.approx([10.0, 30.0])


def test_time_is_measured_on_a_batch_of_median_size(timed) -> None:
    for seen in timed[0].seen.values():
        count = Counter(seen)
        assert count.pop(30) == 1  # for the memory
        assert set(count) == {3}
        assert count[3] >= 6
