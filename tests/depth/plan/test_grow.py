"""Growing: a new layer changes nothing and learns; stages go on from each other, and stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from lamina.depth.ask.candidates import equal_width
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import grow as kind
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies.grow import Grow
from lamina.depth.trials import Trial
from lamina.nn import Stack
from lamina.nn.recurrent.growth import grow
from lamina.spec import ACCURACY, LaminaError
from lamina.train import Settings, Silent, evaluate
from tiny_tasks import TASKS

STILL = Settings(epochs=1, lr=1e-30, threads=1)


def forms() -> list[dict[str, Any]]:
    return [
        {"cell": cell, "norm": norm, "bidirectional": both, "init": init}
        for cell, (norm, init), both in product(
            ("rnn", "gru", "lstm"),
            (("none", "orthogonal"), ("none", "uniform"), ("layer", "he"), ("batch", "xavier")),
            (False, True),
        )
    ]


@pytest.mark.parametrize("form", forms(), ids=str)
@pytest.mark.parametrize("added", [1, 2])
def test_a_new_layer_changes_nothing_and_the_gradient_reaches_it(form, added) -> None:
    torch.manual_seed(0)
    shallow = Stack(3, depth=2, width=5, residual=True, **form)
    deep = Stack(3, depth=2 + added, width=5, residual=True, **form)
    grow(deep, shallow)
    x, lengths = torch.randn(6, 4, 3), torch.tensor([6, 2, 5, 1])
    for training in (False, True):
        for backend in ("auto", "reference"):
            need, state = shallow.train(training)(x, lengths=lengths, backend=backend)
            got, final = deep.train(training)(x, lengths=lengths, backend=backend)
            assert torch.equal(got, need)
            again, _ = deep(x, final, backend=backend)  # and so in a stream
            assert torch.equal(again, shallow(x, state, backend=backend)[0])
    got, _ = deep(x, lengths=lengths)
    (got * torch.linspace(-1, 2, got.shape[2])).sum().backward()
    top: Any = deep.layers[-1]
    for direction in top.directions:
        gains = direction.gains.ih if form["norm"] == "layer" else None
        gains = direction.batch_norm.gain if form["norm"] == "batch" else gains
        reached = direction.weight_ih if gains is None else gains
        assert reached.grad is not None
        rows = reached.grad[:5] if form["cell"] == "rnn" else reached.grad[10:15]
        assert (rows != 0).all()
        assert rows.isfinite().all()


@pytest.mark.parametrize("form", forms()[::3], ids=str)
def test_a_silent_layer_learns_to_speak(form) -> None:
    torch.manual_seed(0)
    deep = Stack(3, depth=2, width=5, residual=True, **form)
    grow(deep, Stack(3, depth=1, width=5, residual=True, **form))
    optimizer = torch.optim.Adam(deep.layers[-1].parameters(), lr=0.01)
    x, losses = torch.randn(6, 4, 3), []
    for _ in range(30):
        outputs, state = deep(x)
        losses.append((outputs - 0.3).square().mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    assert state[1][0].abs().sum() > 0


def test_what_cannot_be_grown_is_refused() -> None:
    with pytest.raises(LaminaError, match="need residual=True"):
        grow(Stack(3, depth=2, width=5), Stack(3, depth=1, width=5))
    relu = {"cell": "rnn", "activation": "relu", "residual": True, "width": 5}
    with pytest.raises(LaminaError, match="need activation='tanh'"):
        grow(Stack(3, depth=2, **relu), Stack(3, depth=1, **relu))
    with pytest.raises(LaminaError, match="need one width="):
        grow(
            Stack(3, depth=2, width=5, residual=True),
            Stack(3, depth=1, width=6, residual=True),
        )


def made(name: str, folder: Path, depths: Sequence[int], settings: Settings = STILL) -> Setup:
    task, changes = TASKS[name](folder)
    changes = {**changes, "residual": True}
    candidates = equal_width(task, depths, 6, None, **changes)
    return Setup(task, candidates, settings, None, changes)


@pytest.mark.parametrize(
    "name", ["classify", "regress", "language_model", "tag", "forecast", "recursive"]
)
def test_a_task_goes_on_where_the_shallower_network_ended(name, tmp_path) -> None:
    setup = made(name, tmp_path, (1, 2))
    torch.manual_seed(0)
    scores = evaluate(setup.model(Job(depth=1, seed=0)), setup.task)
    trial = kind.run(Job(depth=2, seed=0, kind="grow"), setup, tmp_path / "grow-2-seed-0", Silent())
    assert trial.value == scores[setup.task.metric.name]


def test_translate_and_transcribe_grow_above_their_own_bottom(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    for name in ("translate", "transcribe"):
        job = Job(depth=3, seed=0, kind="grow")
        folder = tmp_path / name / "trials" / job.run
        folder.parent.mkdir(parents=True)
        kind.run(job, made(name, tmp_path, (2, 3)), folder, Silent())
        low, short = Job(depth=2, seed=1, kind="grow"), made(name, tmp_path, (1, 2))
        with pytest.raises(LaminaError, match="is no part of the shallower one"):
            kind.run(low, short, folder.parent / low.run, Silent())


def test_a_head_that_reads_a_state_is_refused_before_anything_is_trained(tmp_path) -> None:
    setup, job = made("direct", tmp_path, (1, 2)), Job(depth=1, seed=0, kind="grow")
    with pytest.raises(LaminaError, match="changes what this forecast network says"):
        kind.run(job, setup, tmp_path / job.run, Silent())
    assert not (tmp_path / job.run).exists()


class Bomb(Silent):
    def step(self, epoch, batch, batches, loss, tokens_per_second):
        if epoch == 2:
            raise RuntimeError("killed")


def test_a_killed_stage_goes_on_and_earlier_ones_are_read(tmp_path) -> None:
    settings = Settings(epochs=2, lr=0.01, threads=1, checkpoint_steps=1)
    setup = made("classify", tmp_path, (1, 2), settings)
    job = Job(depth=2, seed=0, kind="grow")
    whole = kind.run(job, setup, tmp_path / "whole" / job.run, Silent())
    first = msgspec.structs.replace(job, depth=1)
    kind.run(first, setup, tmp_path / "parts" / first.run, Silent())
    with pytest.raises(RuntimeError, match="killed"):
        kind.run(job, setup, tmp_path / "parts" / job.run, Bomb())
    trial = kind.run(job, setup, tmp_path / "parts" / job.run, Silent())
    assert trial.curve == whole.curve


def play(gains: Mapping[int, float | None]) -> tuple[Grow, list[int]]:
    """A search over depths with these utilities; the depths that were trained."""
    strategy = Grow(Problem(depths=tuple(gains), seeds=2, epochs=3, metric=ACCURACY, margin=1.0))
    trained = []
    while jobs := strategy.ask():
        assert set(jobs) <= set(strategy.expected())
        for job in jobs:
            gain = gains[job.depth]
            value = None if gain is None else 0.5 + gain / 100 + job.seed / 10_000
            strategy.tell(Trial(job, 1, value, 1, 3, 3, 1.0, 1.0, 1.0))
            trained.append(job.depth)
    return strategy, trained


def test_growing_stops_when_the_gain_stays_under_the_margin() -> None:
    strategy, trained = play({1: 0.0, 2: 5.0, 3: 5.5, 4: 5.9, 5: 20.0})
    assert trained == [1, 1, 2, 2, 3, 3, 4, 4]
    assert list(strategy.evidence()) == [1, 2, 3, 4]
    assert strategy.evidence()[2] == pytest.approx([55.0, 55.01])
    assert "not tried: 5" in " ".join(strategy.saw())
    assert play({1: 0.0, 2: 0.5, 3: 5.0})[1] == [1, 1, 2, 2, 3, 3]  # one bad stage is no end


def test_what_diverged_is_grown_no_further() -> None:
    strategy, trained = play({1: 0.0, 2: None, 3: 1.0})
    assert trained == [1, 1, 2, 2]
    assert all(u != u for u in strategy.evidence()[2])
