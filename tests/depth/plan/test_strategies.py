"""What every strategy keeps to: a new one joins with a line in ``ROWS``."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from lamina.depth.ask.space import Range
from lamina.depth.job import Job
from lamina.depth.plan.kinds import KINDS
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies import STRATEGIES, Strategy
from lamina.depth.plan.tuned import CHOOSING
from lamina.depth.trials import spent
from lamina.spec import LaminaError
from strategy_world import PROBLEMS, World, outcome, play, shuffled, told


@dataclass(frozen=True)
class Row:
    """A strategy of the suite.

    seeds_below: judges with seeds below the problem's number only.
    least: trainings of every depth, in time, that are made whatever the budget.
    """

    name: str
    seeds_below: bool = True
    least: int = 1


ROWS = (
    Row("grid"),
    Row("race"),
    Row("exits"),
    Row("grow"),
    Row("relax", least=2),  # a proposal, and what is held against it
    Row("random"),
    Row("bayes"),
    Row("pareto"),
    Row("halving"),
    Row("rules"),
)


def takes(kind: type[Strategy], problem: Problem) -> bool:
    try:
        kind.check(problem.space)
    except LaminaError:
        return False
    return True


def cases() -> Iterator[object]:
    for row in ROWS:
        kind = STRATEGIES[row.name]
        for name, problem in PROBLEMS.items():
            if takes(kind, problem):
                yield pytest.param(row, kind, problem, id=f"{row.name}, {name}")


every = pytest.mark.parametrize(("row", "kind", "problem"), list(cases()))


def odd(job: Job) -> bool:
    """Some trainings diverge: a seed of depth 2, and every high learning rate."""
    changes = dict(job.changes)
    return (job.depth, job.seed) == (2, 1) or float(changes.get("lr", 0)) > 0.02


def test_every_strategy_takes_part():
    assert [row.name for row in ROWS] == list(STRATEGIES)


def test_some_problems_have_settings():
    assert sum(bool(problem.space) for problem in PROBLEMS.values()) >= 3


@every
def test_jobs_are_valid_and_it_ends(row, kind, problem):
    def look(strategy: Strategy) -> None:
        asked = strategy.ask()
        expected = strategy.expected()
        assert len({job.key for job in asked}) == len(asked)
        assert len({job.key for job in expected}) == len(expected)
        assert set(asked) <= set(expected)
        for job in asked:
            assert job.depth in problem.depths
            assert job.kind in KINDS
            assert job.seed >= 0
            assert job.epochs is None or 1 <= job.epochs < problem.epochs
            assert strategy.told(job) is None
            assert not row.seeds_below or job.seed < problem.seeds or job.seed >= CHOOSING
            for name, value in job.changes:
                choice = problem.space[name]
                if isinstance(choice, Range):
                    assert choice.low <= value <= choice.high
                    assert isinstance(value, int) == isinstance(choice.low, int)
                else:
                    assert value in choice

    strategy = kind(problem)
    ended = play(strategy, World(problem, diverges=odd), seen=look)
    assert ended
    keys = [trial.job.key for trial in ended]
    assert len(set(keys)) == len(keys)
    assert strategy.ask() == strategy.expected() == []


@every
def test_the_end_does_not_depend_on_who_is_fast(row, kind, problem):
    world = World(problem, diverges=odd)
    alone = kind(problem)
    jobs = {trial.job for trial in play(alone, world)}
    for seed, size in ((1, 1), (2, 3), (3, 100)):
        strategy = kind(problem)
        ended = play(strategy, world, shuffled(seed), size=size)
        assert {trial.job for trial in ended} == jobs
        assert outcome(strategy) == outcome(alone)


@every
def test_what_is_asked_follows_from_the_set_of_results(row, kind, problem):
    world, draw = World(problem, diverges=odd), random.Random(0)
    count = len(play(kind(problem), world))
    for stop in {1, count // 3, 2 * count // 3, count}:
        strategy = kind(problem)
        ended = play(strategy, world, shuffled(stop), stop_after=stop)
        again = told(kind, problem, draw.sample(ended, len(ended)))
        assert again.ask() == strategy.ask()
        assert again.expected() == strategy.expected()
        assert outcome(again) == outcome(strategy)


@every
def test_told_everything_it_asks_for_nothing(row, kind, problem):
    ended = play(kind(problem), World(problem))
    assert told(kind, problem, reversed(ended)).ask() == []


@every
def test_a_search_that_was_killed_repeats_nothing(row, kind, problem):
    world = World(problem, diverges=odd)
    whole = kind(problem)
    jobs = {trial.job for trial in play(whole, world)}
    before = play(kind(problem), world, shuffled(4), size=2, stop_after=len(jobs) // 2)
    strategy = told(kind, problem, before)
    after = play(strategy, world, shuffled(5), size=2)
    assert not {trial.job for trial in before} & {trial.job for trial in after}
    assert {trial.job for trial in (*before, *after)} == jobs
    assert outcome(strategy) == outcome(whole)


@every
def test_evidence_is_what_was_told_and_decides(row, kind, problem):
    def look(strategy: Strategy) -> None:
        known = set()
        for trial in strategy.trials.values():
            for depth, value in ((trial.depth, trial.value), *trial.values):
                if value is not None:
                    known.add((depth, problem.metric.utility(value)))
        for depth, utilities in strategy.evidence().items():
            assert depth in problem.depths
            assert utilities
            assert {(depth, u) for u in utilities if not math.isnan(u)} <= known

    strategy = kind(problem)
    look(strategy)
    assert strategy.evidence() == {}
    play(strategy, World(problem, diverges=odd), seen=look)
    decision = problem.decide(strategy.evidence(), strategy.looks)
    assert decision.outcome != "none"
    shown = decision.shown
    judged = [trial for trial in strategy.judged() if trial.depth == shown]
    assert all(trial.job.epochs is None for trial in judged)


@every
def test_it_ends_where_every_training_diverges(row, kind, problem):
    strategy = kind(problem)
    play(strategy, World(problem, diverges=lambda job: True), shuffled(6), size=2)
    assert problem.decide(strategy.evidence(), strategy.looks).outcome == "none"


@every
def test_a_budget_is_kept_about(row, kind, problem):
    """Half of what it would take, from trainings that last longer than was thought; one training
    of every depth, and two settings to choose from, are made in any case."""
    world = World(problem, pace=1.3)
    free = spent(play(kind(problem), world))
    tight = replace(problem, budget_seconds=0.5 * free)
    ended = play(kind(tight), world, shuffled(7), size=2)
    once = spent(world.run(Job(depth=depth, seed=0)) for depth in problem.depths)
    least = once * (3 if problem.space else row.least)
    assert spent(ended) <= max(1.35 * tight.budget_seconds, least)
    assert {trial.job for trial in play(kind(tight), world)} == {trial.job for trial in ended}
    strategy = told(kind, tight, ended)
    assert problem.decide(strategy.evidence(), strategy.looks).outcome != "none"


@every
def test_a_large_budget_changes_nothing(row, kind, problem):
    world = World(problem)
    rich = replace(problem, budget_seconds=1e6)
    jobs = {trial.job for trial in play(kind(problem), world)}
    assert {trial.job for trial in play(kind(rich), world)} == jobs
