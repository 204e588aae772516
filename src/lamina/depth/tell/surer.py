"""What it would take to be more certain of a verdict: more seeds, and the time for them."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from lamina.depth.judge.evidence import MOST_MORE_SEEDS
from lamina.depth.judge.outcome import Decision
from lamina.depth.phrases import counted, duration, layers
from lamina.depth.plan.clock import makespan
from lamina.depth.plan.problem import Problem
from lamina.depth.tell.told import utility_amount
from lamina.depth.trials import Trial

#: The share of the accepted risk, or of the smallest gain, at which the decision is repeated.
HALF = 0.5


def surer(
    problem: Problem, evidence: Mapping[int, Sequence[float]], look: int, judged: Sequence[Trial]
) -> tuple[str, ...]:
    """What more seeds would settle, and how long they would take; a sentence each.

    All of this assumes that means and spreads stay the same. A decided verdict is re-evaluated at
    half the risk and for half the smallest gain; the latter is a different question, so its answer
    may be another depth.

    Args:
        problem: the problem that was decided.
        evidence: the utilities that the decision is based on.
        look: of this session.
        judged: the trials behind the evidence.
    """
    found = problem.decide(evidence, look)
    seconds = seconds_per_seed(judged)
    if found.outcome == "undecided":
        if found.more_seeds is None:
            return (
                "More seeds alone are unlikely to settle it (one more per depth takes"
                f" {_time(1, problem, seconds)}); a larger --min-gain needs fewer.",
            )
        return (f"Settling it takes {_more(found.more_seeds, problem, seconds)}.",)
    if found.depth is None or len(found.scores) < 2:
        return ()
    risk, margin = problem.alpha * HALF, problem.margin * HALF
    rarer = dataclasses.replace(problem, alpha=risk).decide(evidence, look)
    smaller = dataclasses.replace(problem, margin=margin).decide(evidence, look)
    now, half = 100 * problem.alpha, utility_amount(problem.metric, margin)
    all_judged = len(found.scores) == len(problem.depths)
    scope = "" if all_judged else " among the depths that were judged"
    return (
        f"The rule allows each kind of error, too deep or too shallow{scope}, in at most {now:g}%"
        f" of searches. At {100 * risk:g}%, {_answer(rarer, found.depth, problem, seconds)}.",
        f"For half the smallest gain, {half}, {_answer(smaller, found.depth, problem, seconds)}.",
    )


def seconds_per_seed(judged: Sequence[Trial]) -> tuple[float, ...]:
    """The time for one more seed of each judged training run: the mean so far, for each depth, or
    for each set of depths trained together."""
    alike: dict[tuple[str, int], list[float]] = {}
    for trial in judged:
        alike.setdefault((trial.job.kind, trial.depth), []).append(trial.seconds)
    return tuple(statistics.fmean(seconds) for seconds in alike.values())


def _answer(found: Decision, depth: int, problem: Problem, seconds: tuple[float, ...]) -> str:
    if found.depth == depth:
        return "the answer is the same"
    if found.depth is not None:
        return f"the answer is {layers(found.depth)}"
    if found.more_seeds is None:
        return f"it would be undecided, even with {MOST_MORE_SEEDS} more seeds per depth"
    takes = _more(found.more_seeds, problem, seconds)
    return f"it would be undecided; settling it takes {takes}"


def _more(count: int, problem: Problem, seconds: tuple[float, ...]) -> str:
    return f"about {counted(count, 'more seed')} per depth, {_time(count, problem, seconds)}"


def _time(count: int, problem: Problem, seconds: tuple[float, ...]) -> str:
    """The time for this many seeds at all judged depths."""
    side = f", {problem.parallel} side by side" if problem.parallel > 1 else ""
    return f"about {duration(makespan(seconds * count, problem.parallel))}{side}"
