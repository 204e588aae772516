"""The statistics behind the decision, on plain arrays, for one search or thousands at once.

Leading axes ``...`` are independent searches, the ``K`` depths are in ascending order, and
``level`` is the error probability that each one-sided test accepts.

**Spread.** With three seeds per depth, a depth's own variance is nearly unknown, and depths need
not spread alike. Each depth's variance is therefore shrunk towards the variance pooled over depths,
which counts for :data:`PRIOR_DOF` degrees of freedom (the form of Smyth 2004, Statistical
Applications in Genetics and Molecular Biology 3, eq. 1 there, with a fixed weight, because a
handful of depths cannot determine it); degrees of freedom follow Satterthwaite (1946, Biometrics
2). A depth whose variance is shown by an F test to exceed that of the others is *wide*: it keeps
its own variance, and only the others are pooled. Otherwise a tenfold difference in spread, common
for very deep networks, would be underestimated by half at the wide depth and inflate the spread of
the others. The widest is tested first, then the next against the remaining ones.
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

#: Weight of the pooled variance against a depth's own, in degrees of freedom.
PRIOR_DOF = 4.0
#: The level of the F test for wide depths.
WIDE_LEVEL = 0.01
#: The most additional seeds ever advised; beyond that the gain is reported as too close to the
#: threshold.
MOST_MORE_SEEDS = 30
#: The number of seeds advised after a single one, which says nothing about chance.
FEWEST_SEEDS = 3
#: Differences below this share of the margin are rounding errors.
ROUNDING = 1e-9

TOO_SHALLOW, OPEN, ENOUGH, UNSTABLE = -1, 0, 1, -2


class Sample(NamedTuple):
    """The statistics of each depth, ``(..., K)`` each.

    Attributes:
        mean, variance: of the seeds that got through.
        tried, free, stuck: the number of seeds, those that got through, and those that got stuck;
            the others diverged.
    """

    mean: Array
    variance: Array
    tried: Counts
    free: Counts
    stuck: Counts

    @property
    def failed(self) -> Counts:
        """Number of seeds that diverged or got stuck."""
        return self.tried - self.free

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Where enough seeds got through to represent the depth."""
        return (self.free > 0) & ((self.stuck == 0) | (self.free >= ENOUGH_FREE))

    def with_more(self, seeds: int) -> Sample:
        """The expected sample with so many more seeds per depth, if statistics stay the same."""
        tried = self.tried + seeds
        scale = tried / np.maximum(self.tried, 1)
        free, stuck = (np.rint(n * scale).astype(np.int64) for n in (self.free, self.stuck))
        return self._replace(tried=tried, free=free, stuck=stuck)


def look_level(alpha: float, look: int) -> float:
    """The level of each one-sided test at the ``look``-th look at a search (the first is 1).

    ``alpha / (look (look + 1))``: a half of alpha, a sixth, a twelfth, ... The levels of all looks
    sum to alpha, so by Bonferroni's inequality the chance of an error at any of them is at most
    alpha, however many there are and whatever decides whether they happen (error spending: Slud and
    Wei 1982, Journal of the American Statistical Association 77).
    """
    return alpha / (look * (look + 1))


def summarise(x: Array, tried: Counts, margin: float, resolution: float = 0.0) -> Sample:
    """The statistics of each depth from its seeds.

    Args:
        x: ``(..., n, K)`` utilities, NaN for a seed that diverged or is missing.
        tried: ``(..., K)`` seeds per depth.
        margin: the smallest gain that matters, in utilities.
        resolution: as in :func:`lamina.depth.judge.decision.decide`.
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

    Args:
        variance: ``(..., K)`` sample variances.
        count: ``(..., K)`` seeds behind each.
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
    """One-sided p values ``(..., K, K)``, first index the shallower depth: for the gain being above
    the margin (small: it beats), and below it (small: it falls short).

    Without spread (``error`` 0) the gain is exact: 0 or 1. Without degrees of freedom nothing is
    known: both are 1.
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
    """p values ``(..., K, K)`` of the claims about a shallower depth (first index) and a deeper
    one: the deeper ``beats`` it, ``falls_short``, and the shallower one ``fails`` more often.

    Attributes:
        scores: the first two based on scores alone, ignoring failures.
    """

    beats: Array
    falls_short: Array
    fails: Array
    scores: tuple[Array, Array]


def tests_of(sample: Sample) -> Array:
    """Number of tests behind a claim about each pair of depths, ``(..., K, K)``: one of scores, and
    one of failures if a seed of either failed."""
    some = sample.failed > 0
    return np.where(some[..., :, None] | some[..., None, :], 2.0, 1.0)


def claims(sample: Sample, margin: float, level: float) -> Claims:
    """The claims about each pair of depths, combining scores and failures.

    A deeper depth that fails more often falls short and cannot beat; nor can a depth at which no
    seed got through. A depth with too few seeds that got through is not judged. That the shallower
    one fails more often counts only if the deeper one costs no margin in score. If a seed of either
    failed, two tests may err instead of one, of scores and of failures, and each has half the level
    (Bonferroni): its p value is doubled.
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
    """TOO_SHALLOW, UNSTABLE, OPEN or ENOUGH for each depth, ``(..., K)``; a depth where no seed got
    through is UNSTABLE, the deepest of the others always ENOUGH."""
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
    """The number of additional seeds per depth that would settle the walk at this level if means,
    spreads and failure rates stay the same; None if more than :data:`MOST_MORE_SEEDS`."""
    if sample.tried.max() < 2:
        return FEWEST_SEEDS - int(sample.tried.max())
    for more in range(1, MOST_MORE_SEEDS + 1):
        if choose(sample.with_more(more), margin, level) >= 0:
            return more
    return None


def wide(variance: Array, count: Counts) -> NDArray[np.bool_]:
    """The depths whose variance is shown to exceed the pooled variance of the other depths that are
    not wide, ``(..., K)``."""
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
    """The fitted ratio of the deepest depth's spread to the shallowest's, and the one-sided p value
    against growth with depth: the slope of log variances, whose own variance is known (Bartlett and
    Kendall 1946, Supplement to the Journal of the Royal Statistical Society 8). (1, 1) if fewer
    than three depths have a variance.

    Args:
        variance: ``(K,)`` sample variances.
        count: ``(K,)`` seeds behind each.
        depths: ``(K,)``.
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

    A squared error is a weighted sum of the sample variances: the depth's own, shrunk towards the
    pooled one.
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
    """Errors with their degrees of freedom; without any spread, all available ones."""
    dof = np.maximum(count - 1, 0).sum(axis=-1)
    dof = np.broadcast_to(dof.reshape(dof.shape + (1,) * (squared.ndim - dof.ndim)), squared.shape)
    flat = noise <= 0
    freedom = np.where(flat, dof, squared**2 / np.where(flat, 1.0, noise))
    return np.sqrt(squared), np.where(dof > 0, freedom, 0.0)


def half_width(error: Array, dof: Array, level: float | Array) -> Array:
    """The distance of a bound of confidence ``1 - level`` from its estimate; NaN without degrees of
    freedom. ``level`` is a number, or one per estimate."""
    known = dof > 0
    quantile = np.asarray(stdtrit(np.where(known, dof, 1.0), 1 - level), dtype=np.float64)
    return np.where(known, quantile * error, np.nan)
