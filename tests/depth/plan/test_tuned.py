"""How strategies choose settings, and that what chose does not judge."""

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import product

import pytest

from lamina.depth.ask.space import Range
from lamina.depth.job import Job
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies.bayes import Bayes
from lamina.depth.plan.strategies.grid import Grid
from lamina.depth.plan.strategies.halving import Halving
from lamina.depth.plan.strategies.pareto import Pareto
from lamina.depth.plan.strategies.random import Random
from lamina.depth.plan.tuned import CHOOSING, Tuned
from lamina.depth.trials import Trial
from strategy_world import PLAIN, RANGES, VALUES, World, play

BEST = (("lr", 0.003), ("width", 64))


@pytest.mark.parametrize("kind", [Grid, Random, Halving, Bayes])
def test_each_depth_is_judged_at_the_best_setting_on_fresh_seeds(kind: type[Tuned]) -> None:
    problem = replace(VALUES, trials=18)  # all six combinations
    strategy = kind(problem)
    play(strategy, World(problem, noise=0.0))
    for depth in problem.depths if kind is not Bayes else ():
        assert strategy.setting(depth) == BEST
    judged = strategy.judged()
    assert {(t.depth, t.seed) for t in judged} == set(product((1, 2, 3), range(problem.seeds)))
    assert {t.seed for t in strategy.choices()} & {t.seed for t in judged} == set()
    if kind is not Bayes:
        assert "Depth 2: lr 0.003, width 64, chosen from 6 settings." in strategy.saw()


def test_the_best_at_the_edge_of_what_was_tried_is_said_to_be() -> None:
    for values, best in (((0.001, 0.003), "largest"), ((0.003, 0.01), "smallest")):
        strategy = Grid(replace(VALUES, space={"lr": values}))
        play(strategy, World(strategy.problem, noise=0.0))
        assert (
            f"For every depth the {best} lr that was tried was the best: one beyond 0.003 may be"
            " better still."
        ) in strategy.saw()
    strategy = Grid(replace(VALUES, space={"lr": (0.001, 0.003, 0.01)}))
    play(strategy, World(strategy.problem, noise=0.0))
    assert not any("beyond" in text for text in strategy.saw())


def test_a_grid_tries_every_combination_at_every_depth_once() -> None:
    strategy = Grid(VALUES)
    play(strategy, World(VALUES))
    chose = [(t.depth, t.job.changes) for t in strategy.choices()]
    assert len(chose) == len(set(chose)) == 3 * 6


def test_the_luck_of_the_chosen_is_not_in_the_verdict() -> None:
    """Settings that are all alike: the best of twelve looks 1.6 standard deviations too good."""
    problem = replace(
        PLAIN, depths=(1, 2, 3, 4), space={"clip": Range(1.0, 2.0)}, trials=48, seeds=8
    )
    world = World(problem, level=lambda depth: 80.0, noise=1.0)
    strategy = Random(problem)
    play(strategy, world)
    metric = problem.metric

    def excess(trial: Trial) -> float:
        calm = replace(world, noise=0.0).run(trial.job)
        return trial.utility(metric) - calm.utility(metric)

    won = [
        max(excess(t) for t in strategy.choices() if t.depth == depth) for depth in problem.depths
    ]
    judged = [excess(t) for t in strategy.judged()]
    assert len(judged) == 32
    assert statistics.fmean(won) > 1.0
    assert abs(statistics.fmean(judged)) < 0.6  # 3.4 standard errors


def test_a_setting_that_diverged_is_not_chosen() -> None:
    strategy = Grid(VALUES)
    play(strategy, World(VALUES, noise=0.0, diverges=lambda job: BEST[0] in job.changes))
    assert dict(strategy.setting(1))["lr"] != 0.003


def test_all_diverged_leaves_the_first_combination() -> None:
    strategy = Grid(VALUES)
    play(strategy, World(VALUES, diverges=lambda job: True))
    assert strategy.setting(1) == (("lr", 0.001), ("width", 32))


def test_random_tries_the_same_settings_at_every_depth() -> None:
    strategy = Random(RANGES)
    play(strategy, World(RANGES))
    tried = [{t.job.changes for t in strategy.choices() if t.depth == d} for d in (1, 2, 3)]
    assert tried[0] == tried[1] == tried[2]
    assert len(tried[0]) == RANGES.trials // 3


def error(strategy: Tuned, world: World) -> float:
    """How far the settings chosen are from the best one, on average over depths."""
    found = [
        world.setting(Job(depth=d, seed=0, changes=strategy.setting(d)))
        for d in strategy.problem.depths
    ]
    return 1.0 - statistics.fmean(found)


def test_proposals_come_nearer_than_draws() -> None:
    problem = replace(
        RANGES, depths=(1, 2), trials=40, space={"lr": Range(1e-6, 1.0, log=True)}, seeds=1
    )
    world = World(problem, noise=0.05)
    bayes, drawn = Bayes(problem), Random(problem)
    for strategy in (bayes, drawn):
        play(strategy, world)
    assert error(bayes, world) < error(drawn, world)
    late = [world.setting(t.job) for t in bayes.choices()][20:]
    early = [world.setting(t.job) for t in bayes.choices()][:10]
    assert statistics.fmean(late) > statistics.fmean(early) + 1.0


def test_a_level_of_a_depth_teaches_nothing() -> None:
    """Proposals are the same if one depth is far better at every setting alike."""
    low, high = (
        World(RANGES, noise=0.0, level=lambda depth, lift=lift: 40.0 + lift * (depth == 2))
        for lift in (0.0, 32.0)
    )
    found = []
    for world in (low, high):
        strategy = Bayes(RANGES)
        play(strategy, world)
        found.append({t.job for t in strategy.choices()})
    assert found[0] == found[1]


def test_the_front_holds_what_none_beats_in_both_goals() -> None:
    strategy = Pareto(VALUES)
    play(strategy, World(VALUES))
    front = strategy.front()
    assert front
    whole: dict[tuple[int, object], list[Trial]] = {}
    for trial in strategy.trials.values():
        whole.setdefault((trial.depth, trial.job.changes), []).append(trial)
    points = {
        key: (statistics.fmean(t.value or 0.0 for t in same), same[0].step_ms)
        for key, same in whole.items()
    }
    kept = {(point.depth, point.changes) for point in front}
    for key, (value, ms) in points.items():
        beaten = any(v >= value and m <= ms and (v > value or m < ms) for v, m in points.values())
        assert (key in kept) == (not beaten)
    assert any("Not beaten in both score and time" in told for told in strategy.saw())


def halving(count: int, epochs: int = 9, depths: tuple[int, ...] = (1,)) -> Halving:
    space = {"clip": Range(1.0, 2.0)}
    return Halving(
        replace(PLAIN, depths=depths, epochs=epochs, space=space, trials=count * len(depths))
    )


@pytest.mark.parametrize(
    ("epochs", "rungs"), [(1, [1]), (2, [2]), (3, [1, 3]), (10, [2, 4, 10]), (27, [1, 3, 9, 27])]
)
def test_rungs_are_a_third_apart(epochs: int, rungs: list[int]) -> None:
    assert halving(3, epochs).rungs == rungs


def result(job: Job, value: float) -> Trial:
    return Trial(job, 1, value, 1, job.epochs or 9, 1, 1.0, 1.0, 1.0)


def test_a_promotion_waits_for_nobody_behind() -> None:
    strategy = halving(9)
    arms = strategy.ask()
    assert [job.epochs for job in arms] == [1] * 9
    values = [0.5, 0.9, 0.6]
    for arm, value in zip(arms, values, strict=False):
        assert all(job.epochs == 1 for job in strategy.ask())
        strategy.tell(result(arm, value))
    first, *rest = strategy.ask()  # the best of three goes on, before the other six
    assert (first.changes, first.epochs) == (arms[1].changes, 3)
    assert [job.key for job in rest] == [job.key for job in arms[3:]]


def test_a_promotion_is_not_taken_back_and_others_follow() -> None:
    strategy = halving(9)
    arms = strategy.ask()
    for arm, value in zip(arms, [0.5, 0.6, 0.4, 0.9, 0.7, 0.8, 0.1, 0.1, 0.1], strict=True):
        strategy.tell(result(arm, value))
    # 1 was best of the first three; among six 3 and 5 were the best two; of all nine 3, 5 and 4.
    on = {job.changes for job in strategy.ask() if job.epochs == 3}
    assert on == {arms[k].changes for k in (1, 3, 5, 4)}


def test_a_rung_that_is_too_small_for_a_third_sends_on_its_best() -> None:
    strategy = halving(2)
    for arm, value in zip(strategy.ask(), [0.5, 0.6], strict=True):
        best = arm
        strategy.tell(result(arm, value))
    assert [(job.changes, job.epochs) for job in strategy.ask()] == [(best.changes, 3)]


def test_halving_spends_less_than_whole_trainings_and_pauses_go_on() -> None:
    problem: Problem = replace(RANGES, epochs=27, trials=27)
    strategy = Halving(problem)
    ended = play(strategy, World(problem))
    chose = [t for t in ended if t.seed >= CHOOSING]
    epochs: dict[str, int] = {}
    for trial in chose:
        assert trial.epochs > epochs.get(trial.job.run, 0)
        epochs[trial.job.run] = trial.epochs
    assert len(epochs) == 27
    assert sum(epochs.values()) < 27 * 27 / 3
    assert all(max(t.epochs for t in chose if t.depth == d) == 27 for d in problem.depths)
