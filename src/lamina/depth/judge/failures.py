"""Failed training runs: which seeds got stuck, and whether one depth fails more often than another.

A run *fails* if it diverges, or if it gets *stuck*: it ends far below the other seeds of its depth.
Failures are counted and compared as a rate; score comparisons use only the seeds that got through.
A mean over both would be uninformative: with three seeds, of which one in five gets stuck, half of
the samples contain no stuck seed.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaln, xlog1py, xlogy  # scipy.stats is slow to import

Array: TypeAlias = NDArray[np.float64]

#: A gap between neighbouring scores of a depth separates stuck seeds from the others if it exceeds
#: this many margins, and
GAP_MARGINS = 3.0
#: more than this many standard deviations of the scores on either side of the gaps, pooled.
GAP_SPREADS = 8.0
#: Fewer seeds that got through than this do not stand for a depth at which some got stuck: which
#: of them are the unusual ones is then a guess.
ENOUGH_FREE = 3
#: Up to so many seeds a depth the rates of failure are compared without conditioning.
MOST_EXACT = 40


def stuck(x: Array, margin: float) -> NDArray[np.bool_]:
    """Which seeds got stuck: those below the largest gap between neighbouring scores of a depth, if
    that gap is large compared with the margin and with the spread on either side.

    Args:
        x: ``(..., n, K)`` utilities of n seeds at K depths, NaN if missing.
        margin: the smallest gain that matters, in utilities.

    Returns:
        ``(..., n, K)``. :data:`GAP_SPREADS` is chosen so that normal noise is hardly ever split
        (``bench/decision.py``).
    """
    none = np.zeros(x.shape, dtype=np.bool_)
    if x.shape[-2] < 2:
        return none
    ordered = np.sort(x, axis=-2)  # NaN last
    gaps = np.nan_to_num(np.diff(ordered, axis=-2), nan=-np.inf)
    at = gaps.argmax(axis=-2)[..., None, :]
    widest = np.take_along_axis(gaps, at, axis=-2)
    edge = np.take_along_axis(ordered, at, axis=-2)  # the best score below the gap
    # With two seeds, either may be the unusual one.
    several = np.isfinite(x).sum(axis=-2, keepdims=True) > 2
    split = several & (widest > GAP_MARGINS * margin)
    below = split & (x <= edge)
    squares = np.zeros(x.shape[:-2])
    dof = np.zeros(x.shape[:-2])
    for part in (below, ~below & np.isfinite(x)):
        count = part.sum(axis=-2)
        mean = np.where(part, x, 0.0).sum(axis=-2) / np.maximum(count, 1)
        squares += (np.where(part, x - mean[..., None, :], 0.0) ** 2).sum(axis=(-2, -1))
        dof += np.maximum(count - 1, 0).sum(axis=-1)
    spread = np.sqrt(squares / np.maximum(dof, 1))[..., None, None]
    return below & (widest > GAP_SPREADS * spread) & (dof > 0)[..., None, None]


def rate_interval(failed: int, tried: int, level: float) -> tuple[float, float]:
    """Bounds of the failure rate, each with confidence ``1 - level`` (Clopper and Pearson 1934,
    Biometrika 26)."""
    low = 0.0 if failed == 0 else float(betaincinv(failed, tried - failed + 1, level))
    high = 1.0 if failed == tried else float(betaincinv(failed + 1, tried - failed, 1 - level))
    return low, high


def fails_more(failed: NDArray[np.int64], tried: NDArray[np.int64]) -> Array:
    """One-sided p values ``(..., K, K)``: small if the second depth fails more often than the
    first. The unconditional exact test of Boschloo (1970, Statistica Neerlandica 24), which with
    few seeds is more powerful than that of Fisher (1935), used above :data:`MOST_EXACT` seeds: none
    of three against three of three has 0.016, not 0.05.

    Args:
        failed: runs that failed, ``(..., K)``.
        tried: all runs, ``(..., K)``.
    """
    shape = (*failed.shape, failed.shape[-1])
    a, n = (np.broadcast_to(x[..., :, None], shape) for x in (failed, tried))
    b, m = (np.broadcast_to(x[..., None, :], shape) for x in (failed, tried))
    p = np.ones(shape)
    some = a + b > 0
    for sizes in {*zip(n[some].tolist(), m[some].tolist(), strict=True)}:
        pair = some & (n == sizes[0]) & (m == sizes[1])
        if max(sizes) > MOST_EXACT:
            p[pair] = _fisher(a[pair], b[pair], *sizes)
        else:
            p[pair] = _boschloo(*sizes)[a[pair], b[pair]]
    return p


@functools.lru_cache(maxsize=512)
def _boschloo(n: int, m: int) -> Array:
    """``(n + 1, m + 1)``: the p value for ``a`` failures of ``n`` and ``b`` of ``m``, against the
    alternative that the second rate is larger."""
    a, b = np.arange(n + 1)[:, None], np.arange(m + 1)[None, :]
    fisher = _fisher(a, b, n, m)
    order = np.argsort(fisher, axis=None)
    ranked = fisher.ravel()[order]
    # All tables at least as extreme, including ties (up to rounding).
    last = np.searchsorted(ranked, ranked * (1 + 1e-9), side="right") - 1
    rate = np.linspace(0.005, 0.995, 199)[:, None]
    chance = _binomial(n, rate)[:, :, None] * _binomial(m, rate)[:, None, :]
    worst = chance.reshape(len(rate), -1)[:, order].cumsum(axis=1)[:, last].max(axis=0)
    p = np.empty(fisher.size)
    p[order] = worst
    return p.reshape(fisher.shape)


def _fisher(a: NDArray[np.int64], b: NDArray[np.int64], n: int, m: int) -> Array:
    """The probability that of ``a + b`` failures among ``n + m`` at least ``b`` are among the
    ``m``: the upper tail of the hypergeometric distribution."""
    failed, count = np.asarray(a + b)[..., None], np.arange(m + 1)
    logs = _log_choose(m, count) + _log_choose(n, failed - count) - _log_choose(n + m, failed)
    tail = np.where(count >= np.asarray(b)[..., None], np.exp(logs), 0.0)
    return np.minimum(tail.sum(axis=-1), 1.0)


def _binomial(n: int, rate: Array) -> Array:
    """For each rate ``(R, 1)``, the probabilities of 0 to ``n`` failures, ``(R, n + 1)``."""
    k = np.arange(n + 1)
    return np.exp(_log_choose(n, k) + xlogy(k, rate) + xlog1py(n - k, -rate))


def _log_choose(n: int, k: NDArray[np.int64]) -> Array:
    """The logarithm of a binomial coefficient; of 0 if it is undefined."""
    inside = (k >= 0) & (k <= n)
    k = np.where(inside, k, 0)
    logs = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return np.where(inside, logs, -np.inf)
