"""The race on made curves: what it asks for, when it stops, and that the order does not matter."""

from __future__ import annotations

import math
import random

import pytest
from msgspec import structs

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.job import Job
from lamina.depth.judge.evidence import look_level
from lamina.depth.phrases import parse_seconds
from lamina.depth.plan.clock import makespan, remaining
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.racing import Run, next_round, outlook
from lamina.depth.plan.seeds import Limits
from lamina.depth.plan.strategies.grid import Grid
from lamina.depth.plan.strategies.race import Race
from lamina.depth.tell.progress import SilentSearch
from lamina.depth.trials import Trial, longest, spent
from lamina.spec import ACCURACY, LaminaError
from lamina.train import Settings

EPOCHS = 10


def problem(**changes) -> Problem:
    values = {"depths": (1, 2, 3, 4, 5), "seeds": 5, "epochs": EPOCHS, "metric": ACCURACY}
    cost = {d: float(d) for d in range(1, 6)}
    return Problem(**{**values, "margin": 1.0, "epoch_seconds": cost, **changes})


def verdict(strategy):
    return strategy.problem.decide(strategy.evidence(), strategy.looks)


def trial(job: Job, final: float, *, noise: float = 0.1, late: float = 0.0) -> Trial:
    """A curve that rises to ``final`` points of accuracy, nearly: a seed moves it by ``noise``."""
    draw = random.Random(f"{job.depth} {job.seed}")
    end = final + noise * draw.gauss(0, 1)
    epochs = job.epochs or EPOCHS
    rise = [math.exp(-3 * max(e / EPOCHS - late, 0.0) / (1 - late)) for e in range(1, epochs + 1)]
    curve = [(e, (end - 20 * (r - math.exp(-3))) / 100) for e, r in enumerate(rise, 1)]
    seconds = float(job.depth * epochs)
    return Trial(job, 1, curve[-1][1], epochs, epochs, 1, seconds, 1.0, 1.0, tuple(curve))


def play(strategy, finals, *, shuffled: int | None = None, **more):
    """Tell a strategy all it asks for; returns what it asked for."""
    asked = []
    while jobs := strategy.ask():
        if shuffled is not None:
            jobs = [random.Random(shuffled).choice(jobs)]
        for job in jobs:
            strategy.tell(trial(job, finals[job.depth - 1], **more))
        asked += jobs
    return asked


@pytest.mark.parametrize(
    ("finals", "depth"),
    [
        ((90, 90, 90, 90, 90), 1),
        ((90, 92, 92, 92, 92), 2),
        ((90, 90, 92, 92, 92), 3),
        ((90, 92, 94, 94, 94), 3),
        ((90, 89, 88, 87, 86), 1),
        ((90, 91.6, 93.2, 94.8, 96.4), 5),
    ],
)
def test_it_answers_as_the_grid_in_less_time(finals, depth):
    race, grid = Race(problem()), Grid(problem())
    play(race, finals)
    play(grid, finals)
    assert verdict(race).depth == verdict(grid).depth == depth
    share = spent(race.trials.values()) / spent(grid.trials.values())
    assert share < (0.25 if depth == 1 else 0.5)


def test_what_it_asks_for_follows_from_the_set_of_trials():
    race = Race(problem())
    asked = play(race, (90, 92, 92, 92, 92))
    other = Race(problem())
    assert set(play(other, (90, 92, 92, 92, 92), shuffled=3)) == set(asked)
    backwards = Race(problem())
    for told in reversed(race.trials.values()):
        backwards.tell(told)
    assert backwards.ask() == []
    assert backwards.saw() == race.saw()


def test_the_whole_round_is_asked_for_at_once_and_named_until_told():
    race = Race(problem())
    screen = race.ask()
    assert {(job.depth, job.epochs) for job in screen} == {(d, 2) for d in range(1, 6)}
    race.tell(trial(screen[3], 90))
    assert race.ask() == [job for job in screen if job is not screen[3]]


def test_what_takes_longest_begins_first_so_that_nobody_waits_long():
    race = Race(problem(parallel=2))
    assert [job.depth for job in race.ask()] == [5, 4, 3, 2, 1]
    first, *_ = race.expected_parts()
    assert first == race.ask()


def test_rounds_wait_for_each_other_in_the_time_that_is_told():
    race = Race(problem(parallel=2))
    parts = race.expected_parts()
    assert [{job.depth for job in part} for part in parts] == [{1, 2, 3, 4, 5}, {1, 2}, {1, 2},
                                                               {3, 4, 5}]  # fmt: skip
    together = makespan(
        [*remaining(race.expected(), (), race.problem.seconds).values()], race.problem.parallel
    )
    assert together < race.expected_wall_seconds() < race.expected_seconds()
    alone = Race(problem(parallel=1))
    assert alone.expected_wall_seconds() == pytest.approx(alone.expected_seconds())


def test_what_a_race_comes_to_is_expected_until_it_is_known():
    race = Race(problem())
    expected = race.expected_seconds()
    play(race, (90, 90, 90, 90, 90))
    taken = spent(race.trials.values())
    assert expected / 1.5 < taken < 1.5 * expected
    assert race.expected() == []


def test_a_deep_one_that_is_far_behind_is_passed_over_and_said_to_be():
    race = Race(problem())
    asked = play(race, (90, 90, 85, 85, 85))
    assert all(job.epochs is not None for job in asked if job.depth > 2)
    assert any("Depth 5 was passed over" in line for line in race.saw())


def test_what_starts_late_is_lost_after_the_pause_only():
    """The outlook of one that catches up is not that of one that stands still."""
    limits = Limits(cost=(1.0, 2.0), epochs=20, seeds=5, margin=1.0)
    base = [Run(range(1, 21), [90.0] * 20, True)]
    still = [Run(range(1, 11), [80.0] * 10, False)]
    rising = [Run(range(1, 11), [70.0 + 2 * e for e in range(1, 11)], False)]
    assert outlook([base, still], 1, 0, limits) == -10
    assert outlook([base, rising], 1, 0, limits) == 5  # caught up 10 from epoch 5 to 10, half more


def test_a_deep_one_that_has_hardly_begun_is_not_passed_over_at_the_first_pause():
    """A margin behind at the first pause, and not yet catching up; ahead at the second."""
    race = Race(problem())
    while jobs := race.ask():
        for job in jobs:
            told = trial(job, 90)
            if job.depth == 3:
                gain = [-0.012 if epoch <= 2 else 0.03 for epoch, _ in told.curve]
                curve = [(e, v + g) for (e, v), g in zip(told.curve, gain, strict=True)]
                told = structs.replace(told, curve=tuple(curve), value=max(v for _, v in curve))
            race.tell(told)
    assert verdict(race).depth == 3


def test_the_shallowest_of_those_that_promise_is_trained_first():
    race = Race(problem())
    asked = play(race, (90, 90, 92, 92, 92))
    whole = [job.depth for job in asked if job.epochs is None]
    assert whole.index(3) < whole.index(4)
    assert 5 not in whole  # with 3 trained, its curve promises nothing


def test_seeds_before_the_first_look_go_by_the_spread_alone():
    """The same noise, another gain: as many seeds are asked for; more noise: more."""
    limits = Limits((1.0, 2.0), EPOCHS, 5, 1.0)

    def wanted(gain: float, noise: float) -> tuple[list[tuple[int, int]], bool]:
        finals = [90 - noise, 90 + noise, 90.0], [90 + gain - noise, 90 + gain + noise]
        seen = [[Run((EPOCHS,), (u,), True) for u in of_depth] for of_depth in finals]
        found = next_round(seen, limits)
        return [(want.depth, want.seed) for want in found.wanted], found.again

    calm, noisy = wanted(0.0, 0.05), wanted(0.0, 0.3)
    assert calm == ([], False)
    assert noisy == wanted(0.9, 0.3)
    assert noisy[0]
    assert not noisy[1]  # no look was spent on it


def test_more_seeds_that_could_not_settle_it_are_not_asked_for():
    """At the margin exactly, with a noise of half of it, five seeds a depth are too few."""
    race = Race(problem())
    play(race, (90, 91, 80, 80, 80), noise=0.5)
    assert verdict(race).outcome == "undecided"
    few = [t for t in race.trials.values() if t.whole]
    assert len(few) < 10


def test_one_seed_is_enough_to_be_undecided():
    race = Race(problem(seeds=1))
    asked = play(race, (90, 92, 92, 92, 92))
    assert {job.seed for job in asked} == {0}
    assert verdict(race).outcome == "undecided"


def test_one_epoch_leaves_nothing_to_screen():
    race = Race(problem(epochs=1, depths=(1, 2)))
    assert all(job.epochs is None for job in race.ask())


def test_a_depth_that_diverges_in_the_screen_is_evidence():
    race = Race(problem())
    while jobs := race.ask():
        for job in jobs:
            told = trial(job, 90)
            if job.depth == 5:
                told = Trial(job, 1, None, 0, 1, 1, 1.0, 1.0, 1.0, ())
            race.tell(told)
    assert math.isnan(race.evidence()[5][0])
    decision = verdict(race)
    assert decision.depth == 1


@pytest.mark.parametrize(("kind", "seconds"), [(Race, 60.0), (Grid, 400.0)])
def test_a_budget_is_kept(kind, seconds):
    strategy = kind(problem(budget_seconds=seconds))
    play(strategy, (90, 92, 92, 92, 92))
    assert seconds / 2 < spent(strategy.trials.values()) <= seconds
    assert strategy.expected_seconds() <= seconds


def test_patience_may_end_a_training_before_its_pause():
    limits = Limits(cost=(1.0, 2.0), epochs=100, seeds=2, margin=1.0)
    assert limits.pause(0.2) == 20
    race = Race(problem(depths=(1, 2, 3), epochs=100))
    for _ in range(20):
        jobs = race.ask()
        for job in jobs:
            told = trial(Job(depth=job.depth, seed=job.seed, epochs=5), 90)
            race.tell(Trial(job, *[getattr(told, f) for f in told.__struct_fields__[1:]]))
    assert race.ask() == []


def test_nothing_is_judged_where_all_diverge():
    failed, limits = Run((1,), (math.nan,), False), Limits((1.0,), 10, 3, 1.0)
    assert [want.seed for want in next_round([[failed]], limits).wanted] == [1]
    assert next_round([[failed] * 3], limits).wanted == ()


def test_a_depth_of_which_a_seed_diverges_stays_in_the_race():
    race = Race(problem())
    while jobs := race.ask():
        for job in jobs:
            told = trial(job, 92 if job.depth > 1 else 90)
            if (job.depth, job.seed) == (2, 0):
                told = Trial(job, 1, None, 0, 1, 1, 1.0, 1.0, 1.0, ())
            race.tell(told)
    assert math.isnan(race.evidence()[2][0])
    assert len(race.evidence()[2]) > 2
    assert verdict(race).depth == 2


def test_every_look_of_a_race_is_one_of_the_search():
    """The verdict's tests have the level of the last look, and looks of earlier sessions count."""
    race = Race(problem(seeds=8))
    play(race, (90, 90.7, 90, 90, 90), noise=0.3)
    assert race.looks > 1
    assert verdict(race).level == pytest.approx(look_level(0.05, race.looks))
    later = Race(problem(seeds=8, looks=2))
    play(later, (90, 90.7, 90, 90, 90), noise=0.3)
    assert verdict(later).level == pytest.approx(look_level(0.05, 2 + later.looks))


def test_a_price_of_layers_holds_in_the_race_too():
    dear = Race(problem(cost_per_layer=2.0))
    play(dear, (90, 92, 94, 96, 98))
    assert verdict(dear).depth == 1
    free = Race(problem())
    play(free, (90, 92, 94, 96, 98))
    assert verdict(free).depth == 5


def test_the_longest_of_a_training_stands_for_it():
    a = trial(Job(depth=1, seed=0, epochs=2), 90)
    b, whole = trial(Job(depth=1, seed=0, epochs=5), 90), trial(Job(depth=1, seed=0), 90)
    assert longest([a, b]) == longest([b, a]) == [b]
    assert longest([a, whole, b]) == [whole]


def test_times():
    assert [parse_seconds(t) for t in ("90s", "30m", "1h30m", "0.5 h")] == [90, 1800, 5400, 1800]
    for text in ("", "30", "m", "0m", "-3m", "3 weeks"):
        with pytest.raises(LaminaError, match="write it like 30m"):
            parse_seconds(text)


def test_a_seed_that_got_stuck_does_not_end_the_race():
    finals = {
        1: (90.0, 90.1, 89.9, 90.05, 89.95),
        2: (92.0, 60.0, 92.1, 92.05, 91.95),
        3: (92.0, 92.1, 91.9, 92.05, 91.95),
    }
    race = Race(problem(depths=(1, 2, 3)))
    while jobs := race.ask():
        for job in jobs:
            race.tell(trial(job, finals[job.depth][job.seed], noise=0.0))
    decision = verdict(race)
    assert decision.depth == 2
    assert {score.depth: score.stuck for score in decision.scores}[2] == 1


def test_a_pause_is_the_evaluation_that_was_reached(tmp_path):
    """Every third epoch is evaluated; the race asks to look after two, and after five."""
    settings = Settings(epochs=10, evaluate_every=3, threads=1)
    for strategy in ("race", "halving"):
        verdict = search(
            Toy(), depths=(1, 2), seeds=3, strategy=strategy, settings=settings,
            vary={"lr": (0.001, 0.01)} if strategy == "halving" else None,
            out=tmp_path / strategy, progress=SilentSearch(),
        )  # fmt: skip
        paused = [t for t in verdict.tried if t.job.epochs is not None]
        assert paused
        for trial in paused:
            reached = next(epoch for epoch in (3, 6, 9) if epoch >= (trial.job.epochs or 0))
            assert [epoch for epoch, _ in trial.curve] == [*range(3, reached + 1, 3)]
            assert trial.epochs == reached
