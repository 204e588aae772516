"""The statistics under the decision, on plain arrays, for one search or thousands at once.

Leading axes ``...`` are independent searches, ``K`` depths stand shallow to deep, and ``level`` is
the probability of a wrong claim that each one-sided test accepts.

**Spread.** With three seeds a depth, its own variance is nearly unknown, and depths need not
spread alike. Each depth's variance is therefore shrunk towards the variance pooled over depths,
which counts for :data:`PRIOR_DOF` degrees of freedom (the form of Smyth 2004, Statistical
Applications in Genetics and Molecular Biology 3, eq. 1 there, with a fixed weight, because a
handful of depths cannot tell it); degrees of freedom follow Satterthwaite (1946, Biometrics 2).
A depth whose variance is shown by an F test to be larger than that of the others is *wide*: it
keeps its own, and the pool is that of the others. Else a spread that differs tenfold, as that of
very deep networks often does, would be taken for half of what it is, and lend the rest to depths
that do not have it. The widest is tested first, then the next against those that are left.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, fdtrc, ndtr, polygamma, stdtr, stdtrit

from lamina.depth.judge.failures import ENOUGH_FREE, fails_more
from lamina.depth.judge.failures import stuck as find_stuck

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

#: What the pooled variance weighs against a depth's own, in degrees of freedom.
PRIOR_DOF = 4.0
#: The level of the F test that calls a depth wide.
WIDE_LEVEL = 0.01
#: More seeds than this are not advised: the gain is then called too near to the threshold.
MOST_MORE_SEEDS = 30
#: With a single seed nothing is known about chance; this many are advised.
FEWEST_SEEDS = 3
#: Differences below this share of the margin are rounding.
ROUNDING = 1e-9

TOO_SHALLOW, OPEN, ENOUGH, UNSTABLE = -1, 0, 1, -2


class Sample(NamedTuple):
    """What is known of each depth, ``(..., K)`` each.

    mean, variance: of the seeds that got through. tried, free, stuck: how many seeds there were,
    how many of them got through, and how many got stuck; the others diverged.
    """

    mean: Array
    variance: Array
    tried: Counts
    free: Counts
    stuck: Counts

    @property
    def failed(self) -> Counts:
        """How many seeds diverged or got stuck."""
        return self.tried - self.free

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Where the seeds that got through stand for the depth."""
        return (self.free > 0) & ((self.stuck == 0) | (self.free >= ENOUGH_FREE))

    def with_more(self, seeds: int) -> Sample:
        """The same with so many more seeds a depth, if all goes on as it went."""
        tried = self.tried + seeds
        scale = tried / np.maximum(self.tried, 1)
        free, stuck = (np.rint(n * scale).astype(np.int64) for n in (self.free, self.stuck))
        return self._replace(tried=tried, free=free, stuck=stuck)


def look_level(alpha: float, look: int) -> float:
    """The level of each one-sided test at the ``look``-th look at a search (the first is 1).

    ``alpha / (look (look + 1))``: a half of alpha, a sixth, a twelfth, ... The levels of all looks
    sum to alpha, so by the inequality of Bonferroni the chance to err at any of them is at most
    alpha, however many there are and whatever they are made to depend on (error spending:
    Slud and Wei 1982, Journal of the American Statistical Association 77).
    """
    return alpha / (look * (look + 1))


def summarise(x: Array, tried: Counts, margin: float, resolution: float = 0.0) -> Sample:
    """What is known of each depth from its seeds.

    x: ``(..., n, K)`` utilities, not-a-number for a seed that diverged or that a depth has not.
    tried: ``(..., K)`` seeds a depth. resolution: as :func:`lamina.depth.judge.decision.decide`
    has it.
    """
    lost = find_stuck(x, margin)
    keep = np.isfinite(x) & ~lost
    free = keep.sum(axis=-2)
    mean = np.where(keep, x, 0.0).sum(axis=-2) / np.maximum(free, 1)
    squares = np.where(keep, x - mean[..., None, :], 0.0) ** 2
    variance = squares.sum(axis=-2) / np.maximum(free - 1, 1)
    variance = np.maximum(variance, resolution**2 / 12)
    return Sample(mean, variance, np.broadcast_to(tried, free.shape), free, lost.sum(axis=-2))


def mean_errors(variance: Array, count: Counts) -> tuple[Array, Array]:
    """Standard errors and degrees of freedom of the K means; both ``(..., K)``.

    variance, count: ``(..., K)`` sample variances, and seeds behind each.
    """
    squared, noise = _errors(variance, count)
    return _satterthwaite(squared, np.einsum("...kk->...k", noise), count)


def gain_errors(variance: Array, count: Counts) -> tuple[Array, Array]:
    """Standard errors and degrees of freedom of all differences of two means, ``(..., K, K)``."""
    squared, noise = _errors(variance, count)
    own = np.einsum("...kk->...k", noise)
    return _satterthwaite(
        squared[..., :, None] + squared[..., None, :],
        own[..., :, None] + own[..., None, :] + 2 * noise,
        count,
    )


def p_values(mean: Array, error: Array, dof: Array, margin: float) -> tuple[Array, Array]:
    """One-sided p values ``(..., K, K)``, first index the shallower depth: that the gain is above
    the margin (small: it beats), and that it is below (small: it falls short).

    Without spread (``error`` 0) the numbers stand for themselves: 0 or 1. Without degrees of
    freedom nothing is known: both are 1.
    """
    excess = mean[..., None, :] - mean[..., :, None] - margin
    exact = error <= ROUNDING * margin
    t = np.where(
        exact,
        np.where(excess >= -ROUNDING * margin, np.inf, -np.inf),
        excess / np.where(exact, 1.0, error),
    )
    known = dof > 0
    safe = np.where(known, dof, 1.0)
    beats = np.where(known, stdtr(safe, -t), 1.0)
    return beats, np.where(known, stdtr(safe, t), 1.0)


class Claims(NamedTuple):
    """p values ``(..., K, K)`` of what may be said of a shallower depth (first index) and a deeper
    one: it ``beats`` it, it ``falls_short``, and the shallower one ``fails`` more often.

    scores: the first two by the scores alone, whatever failed.
    """

    beats: Array
    falls_short: Array
    fails: Array
    scores: tuple[Array, Array]


def tests_of(sample: Sample) -> Array:
    """How many tests a claim about each pair of depths rests on, ``(..., K, K)``: of scores, and
    where a seed of either failed of failures too."""
    some = sample.failed > 0
    return np.where(some[..., :, None] | some[..., None, :], 2.0, 1.0)


def claims(sample: Sample, margin: float, level: float) -> Claims:
    """The claims about each pair of depths, scores and failures put together.

    A deeper depth that fails more often falls short and cannot beat; a depth at which no seed got
    through neither. A depth whose seeds that got through do not stand for it is not judged. That
    the shallower one fails more often counts only where the deeper one costs no margin of score.
    Where a seed of either failed, there are two tests in place of one that may err, of scores and
    of failures, and each has half of the level (Bonferroni): its p value is doubled.
    """
    beats, falls_short = p_values(sample.mean, *gain_errors(sample.variance, sample.free), margin)
    tests = tests_of(sample)
    beats, falls_short = np.minimum(tests * beats, 1.0), np.minimum(tests * falls_short, 1.0)
    open_ = ~(sample.judged[..., :, None] & sample.judged[..., None, :])
    beats, falls_short = np.where(open_, 1.0, beats), np.where(open_, 1.0, falls_short)
    scores = beats, falls_short
    worse = np.minimum(tests * fails_more(sample.failed, sample.tried), 1.0)
    lost = np.where((sample.free == 0)[..., None, :], 0.0, worse)  # nothing to hand over
    beats = np.where(lost <= level, 1.0, beats)
    falls_short = np.minimum(falls_short, lost)
    costs = sample.mean[..., None, :] < sample.mean[..., :, None] - margin
    fails = np.where(open_ | costs, 1.0, np.swapaxes(worse, -1, -2))
    return Claims(beats, falls_short, fails, scores)


def verdicts(found: Claims, free: Counts, level: float) -> NDArray[np.int64]:
    """TOO_SHALLOW, UNSTABLE, OPEN or ENOUGH for each depth, ``(..., K)``; a depth without a seed
    that got through is UNSTABLE, the deepest of the others always ENOUGH."""
    K = free.shape[-1]
    result = np.full(free.shape, ENOUGH, dtype=np.int64)
    for d in range(K - 1):
        enough = (found.falls_short[..., d, d + 1 :] <= level).all(axis=-1)
        result[..., d] = np.where(enough, ENOUGH, OPEN)
        for p, name in ((found.fails, UNSTABLE), (found.beats, TOO_SHALLOW)):
            result[..., d] = np.where(_simes(p[..., d, d + 1 :]) <= level, name, result[..., d])
    return np.where(free == 0, UNSTABLE, result)


def _simes(p: Array) -> Array:
    """The p value of the joint hypothesis, over the last axis."""
    m = p.shape[-1]
    return (np.sort(p, axis=-1) * m / np.arange(1, m + 1)).min(axis=-1)


def choose(sample: Sample, margin: float, level: float) -> NDArray[np.int64]:
    """The walk, for many searches at once: the index of the depth to use, or -1 (undecided, or no
    seed of any depth got through). Returns ``(...)``."""
    found = verdicts(claims(sample, margin, level), sample.free, level)
    going = (found == TOO_SHALLOW) | (found == UNSTABLE)
    stop = (~going).argmax(axis=-1)
    enough = np.take_along_axis(found, stop[..., None], axis=-1)[..., 0] == ENOUGH
    return np.where(enough, stop, -1)


def seeds_to_settle(sample: Sample, margin: float, level: float) -> int | None:
    """How many more seeds a depth would settle the walk at this level if means, spreads and rates
    of failure stay as they are; None when that is more than :data:`MOST_MORE_SEEDS`."""
    if sample.tried.max() < 2:
        return FEWEST_SEEDS - int(sample.tried.max())
    for more in range(1, MOST_MORE_SEEDS + 1):
        if choose(sample.with_more(more), margin, level) >= 0:
            return more
    return None


def wide(variance: Array, count: Counts) -> NDArray[np.bool_]:
    """The depths whose variance is shown to be larger than that pooled over the others that are
    not wide themselves, ``(..., K)``."""
    dof = np.maximum(count - 1, 0)
    found = np.zeros(variance.shape, dtype=np.bool_)
    for _ in range(variance.shape[-1] - 1):
        left = np.where(found, 0, dof)
        squares = left * variance
        rest = left.sum(axis=-1, keepdims=True) - left
        others = (squares.sum(axis=-1, keepdims=True) - squares) / np.maximum(rest, 1)
        known = (left > 0) & (rest > 0) & (others > 0)
        ratio = np.where(known, variance / np.where(known, others, 1.0), 0.0)
        shown = known & (fdtrc(np.maximum(dof, 1), np.maximum(rest, 1), ratio) <= WIDE_LEVEL)
        widest = shown & (ratio == ratio.max(axis=-1, keepdims=True))
        if not widest.any():
            break
        found |= widest
    return found


def spread_growth(variance: Array, count: Counts, depths: Array) -> tuple[float, float]:
    """How many times the deepest spreads as the shallowest, fitted, and the one-sided p value that
    spread does not grow with depth: the slope of log variances, whose own variance is known
    (Bartlett and Kendall 1946, Supplement to the Journal of the Royal Statistical Society 8).

    variance, count, depths: ``(K,)``. (1, 1) where fewer than three depths have a variance.
    """
    known = (count > 1) & (variance > 0)
    if known.sum() < 3:
        return 1.0, 1.0
    half = (count[known] - 1) / 2
    logs = np.log(variance[known] / half) - digamma(half)
    weight = 1 / polygamma(1, half)
    offset = depths[known] - np.average(depths[known], weights=weight)
    information = (weight * offset**2).sum()
    slope = (weight * offset * logs).sum() / information
    growth = np.exp(slope * np.ptp(depths[known]) / 2)
    return float(growth), float(ndtr(-slope * np.sqrt(information)))


def _errors(variance: Array, count: Counts) -> tuple[Array, Array]:
    """The squared errors of the K means, ``(..., K)``, and the covariances of these estimates,
    halved, ``(..., K, K)``.

    A squared error is a weighted sum of the sample variances: its own, shrunk towards the pooled.
    """
    dof = np.maximum(count - 1, 0)
    broad = wide(variance, count)
    own = np.where(broad, 1.0, dof / (dof + PRIOR_DOF))
    pool = np.where(broad, 0, dof)
    pooled = pool / np.maximum(pool.sum(axis=-1, keepdims=True), 1)
    weights = own[..., :, None] * np.eye(count.shape[-1])
    weights = weights + (1 - own)[..., :, None] * pooled[..., None, :]
    weights = weights / np.maximum(count, 1)[..., :, None]
    squared = (weights * variance[..., None, :]).sum(axis=-1)
    scaled = weights * (variance / np.sqrt(np.maximum(dof, 1)))[..., None, :]
    return squared, scaled @ np.swapaxes(scaled, -1, -2)


def _satterthwaite(squared: Array, noise: Array, count: Counts) -> tuple[Array, Array]:
    """Errors with their degrees of freedom; without any spread, all that there are."""
    dof = np.maximum(count - 1, 0).sum(axis=-1)
    dof = np.broadcast_to(dof.reshape(dof.shape + (1,) * (squared.ndim - dof.ndim)), squared.shape)
    flat = noise <= 0
    freedom = np.where(flat, dof, squared**2 / np.where(flat, 1.0, noise))
    return np.sqrt(squared), np.where(dof > 0, freedom, 0.0)


def half_width(error: Array, dof: Array, level: float | Array) -> Array:
    """How far a bound of confidence ``1 - level`` lies from its estimate; not-a-number where
    there are no degrees of freedom. level: a number, or one for each estimate."""
    known = dof > 0
    quantile = np.asarray(stdtrit(np.where(known, dof, 1.0), 1 - level), dtype=np.float64)
    return np.where(known, quantile * error, np.nan)
