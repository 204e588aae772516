"""What an epoch is expected to take, from the times of single steps."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.ask import timing
from lamina.depth.ask.measure import StepTimer, in_turn
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.clock import makespan, remaining
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies import STRATEGIES
from lamina.depth.run.runners import Processes
from lamina.depth.tell import progress
from lamina.depth.tell.progress import Pace, SearchPlan, SilentSearch, opening
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY
from lamina.train import Settings


@pytest.fixture
def problem():
    def make(**changes):
        return Problem(
            depths=(1, 2),
            seeds=2,
            epochs=4,
            metric=ACCURACY,
            margin=1.0,
            epoch_seconds={1: 10.0, 2: 20.0},
            **changes,
        )

    return make


@pytest.fixture
def setup():
    return Setup(Toy(), (), Settings(epochs=1, threads=1), None, {})


def test_an_epoch_is_its_steps_and_its_share_of_an_evaluation(monkeypatch):
    monkeypatch.setattr(StepTimer, "milliseconds", lambda self, batch: 1000.0 * self.depth)
    monkeypatch.setattr(StepTimer, "evaluated", lambda self, batch: 500.0)
    monkeypatch.setattr(StepTimer, "depth", property(lambda s: len(s.model.layers)), raising=False)
    task = Toy(size=40)  # four batches to train, four to evaluate
    models = {d: task.model(depth=d) for d in (1, 3)}
    found = timing.epoch_seconds(models, task, Settings(threads=1, evaluate_every=2))
    for depth in (1, 3):
        assert found[depth].training == pytest.approx(4 * depth, abs=0.1)
        assert found[depth].evaluation == pytest.approx(4 * 0.5 / 2, abs=0.1)


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_few_long_batches_are_not_forgotten_however_little_time_there_is(seconds, monkeypatch):
    monkeypatch.setattr(timing, "SECONDS", seconds)
    sizes = [2] * 50 + [4] * 9 + [100] * 5  # the mean is far above the median
    batches = [SimpleNamespace(inputs=torch.zeros(size)) for size in sizes]
    task = SimpleNamespace(batches=lambda part: batches)
    asked = []

    def milliseconds(batch):
        asked.append(batch.inputs.numel())
        return 1000.0 * batch.inputs.numel()

    found = timing._part(task, "train", {1: milliseconds, 2: milliseconds})
    assert found[1] == pytest.approx(sum(sizes), abs=0.1)
    assert found[2] == pytest.approx(sum(sizes), abs=0.1)
    assert len(asked) == (4 if seconds == 0 else 2 + 2 * timing.PASSES * len(timing.QUANTILES))


def test_no_depth_is_always_timed_at_the_same_place_of_a_round():
    places: dict[int, set[int]] = {1: set(), 2: set(), 5: set()}
    for round in range(20):
        order = in_turn([1, 2, 5], round)
        assert sorted(order) == [1, 2, 5]
        assert order == in_turn([1, 2, 5], round)
        for place, depth in enumerate(order):
            places[depth].add(place)
    assert all(found == {0, 1, 2} for found in places.values())


def test_an_evaluation_trains_nothing():
    task = Toy()
    model = task.model(depth=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert StepTimer(model, task, Settings(threads=1)).evaluated(task.batches("validation")[0]) > 0
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert model.training


def test_a_verdict_keeps_what_was_expected_beside_what_it_took():
    settings = Settings(epochs=2, threads=1)
    verdict = search(
        Toy(), depths=(1, 2), seeds=1, strategy="race", settings=settings, progress=SilentSearch()
    )
    assert verdict.expected_seconds > 0
    assert verdict.seconds > 0
    assert verdict.strategy == "race"
    # One at a time: by the clock it is as much as of training.
    assert verdict.expected_wall_seconds == pytest.approx(verdict.expected_seconds)
    assert verdict.wall_seconds >= verdict.seconds


def test_the_next_of_several_goes_to_the_worker_that_is_free_first():
    assert makespan([3, 1, 1, 4], 1) == 9
    assert makespan([3, 1, 1, 4], 2) == 6  # 3 beside 1, 1, 4
    assert makespan([3, 1], 5) == 3
    assert makespan([], 2) == 0


def ten_an_epoch(job: Job) -> float:
    return 10.0 * job.depth * (job.epochs or 4)


def trial(job: Job, seconds: float) -> Trial:
    return Trial(job, 1, 0.5, 1, 1, 1, seconds, 1.0, 1.0)


def test_what_is_paused_goes_on_from_there():
    paused, whole = Job(depth=2, seed=0, epochs=1), Job(depth=2, seed=0)
    other = Job(depth=1, seed=0, epochs=2)
    left = remaining([whole, other], [paused], ten_an_epoch)
    assert left == {whole.run: 80 - 20, other.run: 20}
    # A pause and the rest of the same training are one training.
    assert remaining([paused, whole], [], ten_an_epoch) == {whole.run: 80}


def test_the_time_that_is_told_is_that_of_the_clock(problem):
    grid = {n: STRATEGIES["grid"](problem(parallel=n)) for n in (1, 2)}
    assert grid[1].expected_wall_seconds() == 80 + 40 + 80 + 40
    assert grid[2].expected_wall_seconds() == 120  # 80 and 40 beside 40 and 80
    assert opening(grid[1], 0).endswith("; about 4 min")
    assert opening(grid[2], 0).endswith("; about 2 min, 2 side by side")
    grid[2].tell(trial(Job(depth=2, seed=0), 99.0))
    assert grid[2].expected_wall_seconds() == 80  # 40 and 40 beside 80


def test_depths_trained_together_are_priced_by_what_is_run(problem):
    asked = problem(evaluation_seconds={1: 1.0, 2: 2.0})
    for kind, epoch in (("train", 20), ("grow", 20), ("exits", 18 + 3), ("relax", 24 + 1.5)):
        assert asked.seconds(Job(depth=2, seed=0, kind=kind)) == pytest.approx(4 * epoch)


def test_time_left_is_shared_by_workers_and_less_for_what_runs(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    jobs = [Job(depth=1, seed=seed) for seed in range(4)]
    pace = Pace(SearchPlan("", (), 4, ACCURACY, ten_an_epoch, tuple(jobs), workers=2))
    pace.began(jobs[0])
    pace.began(jobs[1])
    assert pace.seconds_left() is None
    now[0] = 160.0
    pace.finished(trial(jobs[0], 60.0), jobs[1:])  # half as slow again as was expected
    # Two have not begun, and the one that runs should be over.
    assert pace.seconds_left() == pytest.approx(60.0)
    pace.began(jobs[2])
    now[0] = 190.0
    assert pace.seconds_left() == pytest.approx(60.0)  # 30 of the one, 60 of the other


def test_processes_begin_before_the_first_job_and_not_more_than_there_are_jobs(setup, tmp_path):
    runner = Processes(setup, tmp_path, SilentSearch(), 2)
    try:
        runner.prepare(1)
        runner.prepare(1)
        (worker,) = runner._workers
        assert worker.ready
        assert worker.job is None
    finally:
        runner.close()
