"""The statistics under the decision, on plain arrays, for one search or thousands at once.

Leading axes ``...`` are independent searches, ``K`` depths stand shallow to deep, and ``level`` is
the probability of a wrong claim that each one-sided test accepts.

**Spread.** With three seeds a depth, its own variance is nearly unknown, and depths need not
spread alike. Each depth's variance is therefore shrunk towards the variance pooled over depths,
which counts for :data:`PRIOR_DOF` degrees of freedom (the form of Smyth 2004, Statistical
Applications in Genetics and Molecular Biology 3, eq. 1 there, with a fixed weight, because a
handful of depths cannot tell it); degrees of freedom follow Satterthwaite (1946, Biometrics 2).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Array: TypeAlias = NDArray[np.float64]

#: What the pooled variance weighs against a depth's own, in degrees of freedom.
PRIOR_DOF = 4.0
#: More seeds than this are not advised: the gain is then called too near to the threshold.
MOST_MORE_SEEDS = 30
#: With a single seed nothing is known about chance; this many are advised.
FEWEST_SEEDS = 3
#: Differences below this share of the margin are rounding.
ROUNDING = 1e-9

TOO_SHALLOW, OPEN, ENOUGH = -1, 0, 1


def mean_errors(variance: Array, count: Array) -> tuple[Array, Array]:
    """Standard errors and degrees of freedom of the K means; both ``(..., K)``.

    variance: ``(..., K)`` sample variances. count: ``(K,)`` seeds a depth.
    """
    return _combine(_mean_weights(count), variance, count)


def gain_errors(variance: Array, count: Array) -> tuple[Array, Array]:
    """Standard errors and degrees of freedom of all differences of two means.

    variance: ``(..., K)`` sample variances. count: ``(K,)`` seeds a depth.
    Returns two arrays ``(..., K, K)``.
    """
    own = _mean_weights(count)  # (K, K): the squared error of mean k is own[k] @ variance
    return _combine(own[:, None] + own[None, :], variance, count)


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


def verdicts(beats: Array, falls_short: Array, level: float) -> NDArray[np.int64]:
    """TOO_SHALLOW, OPEN or ENOUGH for each depth, ``(..., K)``; the deepest is always ENOUGH."""
    K = beats.shape[-1]
    found = np.full(beats.shape[:-1], ENOUGH, dtype=np.int64)
    for d in range(K - 1):
        ordered = np.sort(beats[..., d, d + 1 :], axis=-1)
        m = K - 1 - d
        simes = (ordered * m / np.arange(1, m + 1)).min(axis=-1)
        enough = (falls_short[..., d, d + 1 :] <= level).all(axis=-1)
        found[..., d] = np.where(simes <= level, TOO_SHALLOW, np.where(enough, ENOUGH, OPEN))
    return found


def choose(
    mean: Array, variance: Array, count: Array, margin: float, level: float
) -> NDArray[np.int64]:
    """The walk, for many searches at once: the index of the depth to use, or -1 (undecided).

    mean, variance: ``(..., K)``; count: ``(K,)``. Returns ``(...)``.
    """
    beats, falls_short = p_values(mean, *gain_errors(variance, count), margin)
    found = verdicts(beats, falls_short, level)
    stop = (found != TOO_SHALLOW).argmax(axis=-1)
    enough = np.take_along_axis(found, stop[..., None], axis=-1)[..., 0] == ENOUGH
    return np.where(enough, stop, -1)


def seeds_to_settle(
    mean: Array, variance: Array, count: Array, margin: float, level: float
) -> int | None:
    """How many more seeds a depth would settle the walk if means and spreads stay as they are;
    None when that is more than :data:`MOST_MORE_SEEDS`."""
    if count.max() < 2:
        return FEWEST_SEEDS - int(count.max())
    for more in range(1, MOST_MORE_SEEDS + 1):
        if choose(mean, variance, count + more, margin, level) >= 0:
            return more
    return None


def _mean_weights(count: Array) -> Array:
    """``(K, K)``: row k holds the weights that give the squared error of mean k from the sample
    variances: its own, shrunk towards the pooled one."""
    dof = count - 1
    own = dof / (dof + PRIOR_DOF)
    pooled = dof / max(dof.sum(), 1.0)
    return (np.diag(own) + (1 - own)[:, None] * pooled) / count[:, None]


def _combine(weights: Array, variance: Array, count: Array) -> tuple[Array, Array]:
    """The root of ``weights @ variance`` and its Satterthwaite degrees of freedom.

    weights: ``(K, K)`` or ``(K, K, K)``, the last axis over variances.
    """
    dof = count - 1
    squared = np.einsum("...k,wk->...w", variance, weights.reshape(-1, len(dof)))
    per_dof = weights.reshape(-1, len(dof)) ** 2 / np.maximum(dof, 1.0)
    noise = np.einsum("...k,wk->...w", variance**2, per_dof)
    flat = noise <= 0  # no spread at all: then all degrees of freedom there are
    satterthwaite = np.where(flat, dof.sum(), squared**2 / np.where(flat, 1.0, noise))
    shape = (*variance.shape[:-1], *weights.shape[:-1])
    error: Array = np.sqrt(squared, dtype=np.float64)
    return error.reshape(shape), satterthwaite.reshape(shape)


def half_width(error: Array, dof: Array, level: float) -> Array:
    """How far a bound of confidence ``1 - level`` lies from its estimate; not-a-number where
    there are no degrees of freedom."""
    known = dof > 0
    quantile = np.asarray(stdtrit(np.where(known, dof, 1.0), 1 - level), dtype=np.float64)
    return np.where(known, quantile * error, np.nan)
