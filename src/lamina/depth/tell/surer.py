"""What it would take to be surer of a verdict: more seeds, and the time that they take."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from lamina.depth.ask.problem import Problem
from lamina.depth.counted import layers
from lamina.depth.judge.decision import Decision
from lamina.depth.judge.evidence import MOST_MORE_SEEDS
from lamina.depth.plan.clock import makespan
from lamina.depth.tell.progress import duration
from lamina.depth.tell.words import amount, gain_percent
from lamina.depth.trials import Trial

#: By how much less the chance to err, or the gain asked for, is looked at.
HALF = 0.5


def surer(
    problem: Problem, evidence: Mapping[int, Sequence[float]], look: int, judged: Sequence[Trial]
) -> tuple[str, ...]:
    """Sentences on what more seeds would settle, and their time by the clock, for the decision of
    ``problem`` on ``evidence`` at this look, drawn from the trainings ``judged``. None where no
    depth can be used at all.

    What is said rests on means and spreads staying as they are. A decided verdict is asked again
    for half the chance to err and for half the smallest gain: the second is another question, so
    its answer may be another depth.
    """
    found = problem.decide(evidence, look)
    seconds = seconds_a_seed(judged)
    if found.outcome == "undecided":
        if found.more_seeds is None:
            return (
                f"Seeds alone would hardly settle it (one more at each depth:"
                f" {_time(1, problem, seconds)}); a larger smallest gain is told apart sooner.",
            )
        return (f"To settle it takes {_more(found.more_seeds, problem, seconds)}.",)
    if found.depth is None or len(found.scores) < 2:
        return ()
    risk, less = problem.alpha * HALF, problem.margin * HALF
    rarer = dataclasses.replace(problem, alpha=risk).decide(evidence, look)
    smaller = dataclasses.replace(problem, margin=less).decide(evidence, look)
    percent = amount(problem.metric, gain_percent(problem.metric, less))
    return (
        f"A wrong answer on either side was accepted in {100 * problem.alpha:g}% of the searches at"
        f" most. At {100 * risk:g}% {_answer(rarer, found.depth, problem, seconds)}.",
        f"Had you asked for half the gain, {percent},"
        f" {_answer(smaller, found.depth, problem, seconds)}.",
    )


def seconds_a_seed(judged: Sequence[Trial]) -> tuple[float, ...]:
    """What one more seed of each training that was judged would take: the mean of those so far, of
    each depth, or of all depths that were trained together."""
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
        return f"it would be open, and more than {MOST_MORE_SEEDS} more seeds per depth be needed"
    return f"it would be open, and take {_more(found.more_seeds, problem, seconds)}"


def _more(count: int, problem: Problem, seconds: tuple[float, ...]) -> str:
    seeds = "seed" if count == 1 else "seeds"
    return f"about {count} more {seeds} per depth, {_time(count, problem, seconds)}"


def _time(count: int, problem: Problem, seconds: tuple[float, ...]) -> str:
    """Of so many seeds at all depths that were judged."""
    side = f", {problem.parallel} side by side" if problem.parallel > 1 else ""
    return f"about {duration(makespan(seconds * count, problem.parallel))}{side}"
