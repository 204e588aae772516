"""The rules for every kind of training run. A new one is tested once it is in ``KINDS``."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lamina.depth.ask.candidates import equal_width
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import KINDS, check_kind, run_job
from lamina.depth.trials import apart
from lamina.tasks import Classify
from lamina.train import Settings, Silent

DEPTHS = (1, 2)
every = pytest.mark.parametrize("name", KINDS)


class Stops(Silent):
    """Interrupts the run in its second epoch, as Ctrl-C does."""

    def step(self, epoch, batch, batches, loss, tokens_per_second):
        if epoch == 2:
            raise KeyboardInterrupt


class NeverTrains(Silent):
    def step(self, epoch, batch, batches, loss, tokens_per_second):
        raise AssertionError("it trains again")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    rows = [f"{('a good film', 'a bad one')[i % 2]} {i},{i % 2}" for i in range(40)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    # Several batches of every part, and residual layers: kinds may need them.
    task = Classify(tmp_path / "reviews.csv", text="text", min_count=1, batch_size=2)
    changes = {"residual": True}
    settings = Settings(epochs=4, lr=0.01, threads=1, checkpoint_steps=1)
    return Setup(task, equal_width(task, DEPTHS, 6, None, **changes), settings, None, changes)


@every
def test_a_job_is_trained_once(setup: Setup, tmp_path: Path, name: str) -> None:
    check_kind(name, setup)
    job = Job(depth=2, seed=0, kind=name)
    trial = run_job(job, setup, tmp_path, Silent())
    assert trial.job == job
    assert trial.value is not None
    assert {each.depth for each in apart([trial])} <= set(DEPTHS)
    assert run_job(job, setup, tmp_path, NeverTrains()) == trial


@every
def test_an_interrupted_job_ends_as_one_that_was_not(
    setup: Setup, tmp_path: Path, name: str
) -> None:
    job = Job(depth=2, seed=0, kind=name)
    whole = run_job(job, setup, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        run_job(job, setup, tmp_path / "parts", Stops())
    parts = run_job(job, setup, tmp_path / "parts", Silent())
    assert (parts.curve, parts.curves, parts.steps) == (whole.curve, whole.curves, whole.steps)


@every
def test_a_pause_changes_nothing(setup: Setup, tmp_path: Path, name: str) -> None:
    job = Job(depth=2, seed=0, kind=name)
    pause = msgspec.structs.replace(job, epochs=1)
    whole = run_job(job, setup, tmp_path / "whole", Silent())
    first = run_job(pause, setup, tmp_path / "parts", Silent())
    assert first.epochs == 1
    assert first.curve == whole.curve[:1]
    later = run_job(job, setup, tmp_path / "parts", Silent())
    assert (later.curve, later.curves, later.steps) == (whole.curve, whole.curves, whole.steps)


@every
def test_what_a_search_says_of_it(name: str) -> None:
    kind = KINDS[name]
    assert kind.title.count("{}") == 1
    assert kind.purpose
    seconds, evaluation = {1: 10.0, 2: 20.0}, {1: 1.0, 2: 2.0}
    assert 0 < kind.epoch(1, seconds, evaluation) <= kind.epoch(2, seconds, evaluation)
    assert kind.epoch(2, {}, {}) == 0.0  # unknown before anything is measured


def test_runs_of_two_kinds_have_folders_of_their_own() -> None:
    runs = {Job(depth=2, seed=0, kind=name).run for name in KINDS}
    assert len(runs) == len(KINDS)
