"""Means, differences and ratios over seeds, with 95% intervals; and what they say of a claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

LEVEL = 0.95

Outcome = Literal["holds", "fails", "open"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval, from ``count`` seeds a side."""

    mean: float
    low: float
    high: float
    count: int

    def show(self, form: str = "+.1f") -> str:
        """``+5.2 (4.1 to 6.3)``."""
        return f"{self.mean:{form}} ({self.low:{form}} to {self.high:{form}})"

    def map(self, function: Callable[[float], float]) -> Interval:
        """The interval of a monotone function of the estimate."""
        low, high = sorted((function(self.low), function(self.high)))
        return Interval(function(self.mean), low, high, self.count)


def mean(values: Sequence[float]) -> Interval:
    """Student's t interval of a mean."""
    x = np.asarray(values, dtype=np.float64)
    return _interval(float(x.mean()), float(x.std(ddof=1)) / math.sqrt(len(x)), len(x) - 1, len(x))


def difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Of the means, ``first - second``, whose seeds have nothing to do with each other (Welch
    1947, Biometrika 34)."""
    a, b = (np.asarray(x, dtype=np.float64) for x in (first, second))
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    total = va + vb
    if total == 0:
        return _interval(float(a.mean() - b.mean()), 0.0, 1.0, min(len(a), len(b)))
    dof = total**2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    gap = float(a.mean() - b.mean())
    return _interval(gap, math.sqrt(total), float(dof), min(len(a), len(b)))


def paired(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Of the mean of ``first - second``, where equal places share a draw of the data."""
    return mean([a - b for a, b in zip(first, second, strict=True)])


def percent_less(first: Sequence[float], second: Sequence[float]) -> Interval:
    """By how many percent ``first`` is below ``second``, as a ratio of geometric means; all
    values above 0."""
    gap = difference([math.log(x) for x in first], [math.log(x) for x in second])
    return gap.map(lambda x: 0.0 - 100 * math.expm1(x))


def share(hits: int, count: int) -> Interval:
    """Percent of ``count`` independent trials, exact (Clopper and Pearson 1934, Biometrika 26)."""
    exact = stats.binomtest(hits, count).proportion_ci(LEVEL, "exact")
    return Interval(100 * hits / count, 100 * exact.low, 100 * exact.high, count)


def clustered(groups: Sequence[Sequence[float]], draws: int = 10_000) -> Interval:
    """Of the mean over all values, where those of a group hang together: percentiles of means over
    groups drawn with replacement (Davison and Hinkley 1997, section 3.8). ``count``: of groups."""
    sums = np.array([[sum(group), len(group)] for group in groups], dtype=np.float64)
    drawn = np.random.default_rng(0).integers(len(groups), size=(draws, len(groups)))
    totals = sums[drawn].sum(axis=1)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], [tail, 100 - tail])
    return Interval(float(sums[:, 0].sum() / sums[:, 1].sum()), low, high, len(groups))


def percent_less_paired(first: Sequence[float], second: Sequence[float]) -> Interval:
    """By how many percent the mean of ``first`` is below that of ``second``, where equal places
    share a draw of the data: the ratio estimator (Cochran 1977, *Sampling techniques*, chapter 6).
    Zeros are allowed, but for a mean of ``second`` that is 0: then nothing is known."""
    a, b = (np.asarray(x, dtype=np.float64) for x in (first, second))
    if not b.mean() > 0:
        return Interval(math.nan, -math.inf, math.inf, len(a))
    ratio = float(a.mean() / b.mean())
    error = float((a - ratio * b).std(ddof=1)) / math.sqrt(len(a)) / float(b.mean())
    return _interval(100 * (1 - ratio), 100 * error, len(a) - 1, len(a))


def judge(found: Interval, low: float = -math.inf, high: float = math.inf) -> Outcome:
    """Whether an effect lies where a claim says, between ``low`` and ``high`` (0 is not between).

    ``holds``: the estimate lies there, and the interval leaves out 0. ``fails``: the interval does
    not reach there. ``open``: these seeds do not settle it.
    """
    if found.high < low or found.low > high:
        return "fails"
    if low <= found.mean <= high and (found.low > 0 or found.high < 0):
        return "holds"
    return "open"


def overall(outcomes: Iterable[Outcome], on: str) -> str:
    """The verdict over several settings: ``depends on`` what separates those in which the claim
    holds from those in which it fails. An open setting is no evidence of either."""
    found = set(outcomes)
    if "fails" in found:
        return f"depends on {on}" if "holds" in found else "does not hold here"
    if "holds" in found:
        return "holds here" + (", as far as these seeds show" if "open" in found else "")
    return "depends on more seeds than these"


def majority(outcomes: Sequence[Outcome]) -> Outcome:
    """What more than half of many comparisons say, where a few would be found by chance."""
    if 2 * outcomes.count("holds") > len(outcomes):
        return "holds"
    return "fails" if 2 * outcomes.count("fails") > len(outcomes) else "open"


def telling(outcomes: Mapping[tuple[str, ...], Outcome], names: Sequence[str]) -> str:
    """The factors a change of which, with all others as they are, makes a claim fail that held;
    where none does so alone, all of them. ``names``: of the places of the keys."""
    found: list[str] = []
    for place, name in enumerate(names):
        rest: dict[tuple[str, ...], set[Outcome]] = {}
        for key, outcome in outcomes.items():
            others = key[:place] + key[place + 1 :]
            rest.setdefault(others, set()).add(outcome)
        if any({"holds", "fails"} <= seen for seen in rest.values()):
            found.append(name)
    *some, last = found or names
    return f"{', '.join(some)} and {last}" if some else last


def _interval(center: float, error: float, dof: float, count: int) -> Interval:
    half = float(stats.t.ppf((1 + LEVEL) / 2, dof)) * error if dof > 0 else math.inf
    return Interval(center, center - half, center + half, count)
