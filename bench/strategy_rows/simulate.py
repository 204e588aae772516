"""Searches on simulated curves: the answer of each strategy, and its share of the grid's time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.depth.job import Job
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies import STRATEGIES
from lamina.depth.trials import Trial, spent
from lamina.spec import ACCURACY
from strategy_rows import worlds

#: Seeds of the grid, and maximum of every other strategy.
SEEDS = 5
#: Table columns.
HEADS = ("as grid", "other", "it alone", "grid alone", "right", "wrong", "open", "said", "time")
WIDTHS = (7, 5, 8, 10, 5, 5, 5, 5, 5)
#: The factor within which the announced time counts as right.
SAID = 1.5
#: The accuracy that corresponds to a utility of 0.
ZERO = 0.5


@dataclass(frozen=True)
class Answer:
    """The result of a search.

    Attributes:
        depth: None if undecided.
        seconds: training time; expected: the time announced at the start.
    """

    depth: int | None
    seconds: float
    expected: float


def problem(question: str) -> Problem:
    """The question given to a strategy; utilities are in margins."""
    return Problem(
        depths=(1, 2, 3, 4, 5),
        seeds=SEEDS,
        epochs=worlds.epochs(question),
        metric=ACCURACY,
        margin=1.0,
        epoch_seconds=worlds.cost(question),
    )


def play(name: str, question: str, curves: np.ndarray) -> Answer:
    """One search of a strategy on simulated ``curves``, ``(depth, seed, epoch)``."""
    strategy = STRATEGIES[name](problem(question))
    expected = strategy.expected_seconds()
    while jobs := strategy.ask():
        for job in jobs:
            strategy.tell(_trial(job, strategy.problem, curves))
    decision = strategy.problem.decide(strategy.evidence(), strategy.looks)
    return Answer(decision.depth, spent(strategy.trials.values()), expected)


def _trial(job: Job, problem: Problem, curves: np.ndarray) -> Trial:
    if job.kind != "train" or job.changes:
        raise NotImplementedError(str(job))
    epochs = job.epochs or problem.epochs
    curve = ZERO + curves[problem.depths.index(job.depth), job.seed, :epochs] / 100
    best = int(curve.argmax())
    points = tuple((i + 1, value) for i, value in enumerate(curve.tolist()))
    seconds = problem.seconds(job)
    return Trial(job, 1, points[best][1], best + 1, epochs, epochs, seconds, 1.0, 1.0, points)


def table(
    names: list[str], questions: list[str], truths: list[str], noises: list[float],
    searches: int, seed: int,
) -> None:  # fmt: skip
    """Print a row for every strategy, truth and noise; searches cycle through the questions."""
    print(f"{searches} searches per row, at most {SEEDS} seeds, seed {seed}; shares in %")
    columns = " ".join(f"{name:>{w}}" for name, w in zip(HEADS, WIDTHS, strict=True)) + " 9 in 10"
    print(f"{'truth':<21} {'sd':>4} {'strategy':<9} {columns}")
    for truth in truths:
        for noise in noises:
            rng = np.random.default_rng(seed)
            asked = [questions[i % len(questions)] for i in range(searches)]
            drawn = [worlds.draw(q, worlds.TRUTHS[truth], noise, SEEDS, rng) for q in asked]
            grid = [play("grid", q, curves) for q, curves in zip(asked, drawn, strict=True)]
            for name in names:
                try:
                    pairs = zip(asked, drawn, strict=True)
                    found = grid if name == "grid" else [play(name, q, x) for q, x in pairs]
                except NotImplementedError as error:
                    print(f"{truth:<21} {noise:>4} {name:<9} needs real training runs ({error})")
                    continue
                print(
                    f"{truth:<21} {noise:>4} {name:<9} {_row(found, grid, worlds.TRUTHS[truth])}",
                    flush=True,
                )


def _row(found: list[Answer], grid: list[Answer], truth: worlds.Truth) -> str:
    pairs = [(mine.depth, its.depth) for mine, its in zip(found, grid, strict=True)]
    share = [mine.seconds / its.seconds for mine, its in zip(found, grid, strict=True)]
    figures = (
        np.mean([mine == its for mine, its in pairs]),
        np.mean([None not in (mine, its) and mine != its for mine, its in pairs]),
        np.mean([its is None and mine is not None for mine, its in pairs]),
        np.mean([mine is None and its is not None for mine, its in pairs]),
        np.mean([mine in truth.right for mine, _ in pairs]),
        np.mean([mine not in (None, *truth.right) for mine, _ in pairs]),
        np.mean([mine is None for mine, _ in pairs]),
        np.mean([1 / SAID <= mine.seconds / mine.expected <= SAID for mine in found]),
        np.mean(share),
    )
    columns = " ".join(f"{100 * x:>{w}.1f}" for x, w in zip(figures, WIDTHS, strict=True))
    return f"{columns} {100 * np.quantile(share, 0.9):>7.0f}"
