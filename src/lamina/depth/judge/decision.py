"""The rule that turns scores into a depth: numbers in, a decision out. No files, no torch.

**Question.** Among the training runs that get through, which is the shallowest depth that no deeper
one beats by the margin or more? A run that diverges or gets stuck is a failure
(:mod:`lamina.depth.judge.failures`): failures are counted, and a depth can lose by its failure
rate.

**Rule.** Walk up from the shallowest depth ``d``; ``g(e)`` is the gain in mean utility from ``d``
to a deeper ``e``, over the seeds that got through.

1. ``d`` is *too shallow* if the hypothesis "no deeper ``e`` gains more than the margin" is
   rejected: one-sided t tests of ``g(e)`` against the margin, combined by the test of Simes (1986,
   Biometrika 73), which is valid for comparisons that share one control (Sarkar 1998, Annals of
   Statistics 26). The walk then continues with the next depth; hypotheses tested in a fixed order,
   each only after the previous one was rejected, need no correction across the steps
   (Maurer, Hothorn and Lehmacher 1995; Westfall and Krishen 2001).
2. ``d`` is *unstable* if a deeper one is shown to fail less often at no cost of a margin in score,
   or if no seed of ``d`` got through: the walk continues.
3. ``d`` is *enough* if every ``e`` is shown to gain less than the margin, or to fail more often:
   an intersection-union test, which needs no correction (Berger 1982, Technometrics 24).
4. Otherwise ``d`` is *open*, and the answer is undecided. The same holds if seeds of ``d`` or of
   ``e`` got stuck and fewer than three others got through.

The intervals shown have level ``1 - 2 level``: their ends are the bounds that the tests use
(Schuirmann 1987), so picture and verdict agree.

**Failures.** If a seed of ``d`` or ``e`` failed, a claim about the two rests on two tests, of
scores and of failures, each at half the level (Bonferroni), because either may err.

**Looks.** "Undecided" is resolved by adding seeds and looking again, and each look is another
chance to err (Armitage, McPherson and Rowe 1969). The ``k``-th look tests at
``alpha / (k (k + 1))``: see :func:`lamina.depth.judge.evidence.look_level`. For a normal gain at
the margin (40000 random walks, 3 seeds at first) the error rate of eight looks is then 3.0% if one
seed is added each time and 3.7% if seeds double; with alpha / 2 at every look it would be 7.4% and
12.7%, with the constant of Pocock (1977, Biometrika 64), which is for equal steps, up to 8.9%.

**A price of layers.** With ``cost_per_layer`` a deeper network must gain that much more for each
added layer. The price is on layers, not on measured time, so that the same search has the same
answer on every machine and at every load.

**Measured** on the truths of ``bench/decision.py`` at one look (10000 searches a row, so a rate of
2.5% has a standard error of 0.2; minutes, or seconds with ``--quick``; the last rows: ``--real``).
The columns give the largest rates, in percent, of a verdict deeper and shallower than right, over
four truths, including gains of exactly the margin, and noise of 0.3 and 0.6 margins; then the share
of searches that find a second layer gaining two margins at noise 0.3.

======================  =====  ======  =========  ========
seeds and their noise   seeds  deeper  shallower  find it
======================  =====  ======  =========  ========
normal                      3     1.3        1.8       75%
normal                      5     2.3        2.3       99%
normal                     10     2.5        2.7      100%
spread grows threefold      5     0.4        1.8       28%
spread falls threefold      5     1.4        2.8       24%
spread grows tenfold        5     1.9        3.0       78%
deepest spreads x10         3     1.9        3.6       39%
deepest spreads x10         5     1.7        3.3       79%
shallowest spreads x10      3     3.5        3.6       37%
shallowest spreads x10      5     2.2        3.1       78%
t with 3 degrees            5     1.2        2.1       92%
one in five stuck           5     0.6        1.2       65%
one in five stuck          10     1.3        1.8      100%
of two real searches        3     1.5        2.0       78%
of two real searches        5     2.3        2.5      100%
======================  =====  ======  =========  ========

For up to eight looks, adding one seed at each from 3 seeds on (``--looks 8``, normal noise): 2.0
and 2.6. With all depths equal this takes 3.6 seeds on average at noise 0.3, and 8.4 at noise 0.6,
where 63% of the searches are still undecided at the eighth look.

**Limits.** The verdict is about this validation part. Suppose its examples are a sample, and two
depths truly differ on 5% to 15% of them. A gain of exactly the margin (1 point) is then called
more, or less, in 19% to 36% of the searches each with 500 validation examples, 6% to 23% with 2500,
3% to 6% with 25000 (2000 simulated searches each, 3 and 10 seeds). Adding a variance of examples
paired between depths to that of seeds (two-way: Cameron, Gelbach and Miller 2011, Journal of
Business and Economic Statistics 29) reduces these to 1.9% to 3.6%; but with 500 examples it finds
only 19% to 52% of gains of three points instead of 55% to 95%. It would also require trials to
store their score by example, which they do not.

A trial's score is its best epoch on the same validation part. For plateaued curves whose noise from
epoch to epoch is twice as large at one depth, that depth gains 1.6 of the smaller noise from this
(20 epochs, 20000 curves). In two real searches that noise was 0.1 to 0.2 of a margin, and using the
mean of three neighbouring epochs changed gains by at most 0.13 margins. The best epoch, which is
the model handed over, therefore remains the score, and a larger difference is reported as a
caution.

No rule can see a failure rate of one in five in half of the samples of three seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from lamina.depth.judge.evidence import (
    ENOUGH,
    TOO_SHALLOW,
    UNSTABLE,
    Array,
    Claims,
    Sample,
    claims,
    gain_errors,
    half_width,
    look_level,
    mean_errors,
    seeds_to_settle,
    spread_growth,
    summarise,
    tests_of,
    verdicts,
    wide,
)
from lamina.depth.judge.failures import fails_more, rate_interval
from lamina.depth.judge.outcome import Decision, Gain, Score, Stage
from lamina.depth.judge.sense import senseless
from lamina.spec import LaminaError


def decide(
    utilities: Mapping[int, Sequence[float]],
    margin: float,
    *,
    alpha: float = 0.05,
    resolution: float = 0.0,
    cost_per_layer: float = 0.0,
    look: int = 1,
    baseline: float | None = None,
) -> Decision:
    """The shallowest depth that no deeper one beats by ``margin`` or more, or undecided.

    Args:
        utilities: for each depth the utility of each of its seeds (larger is better); NaN or
            infinite for a seed that diverged.
        margin: the gain that is worth a deeper network, in utilities; more than zero.
        alpha: the accepted probability of a verdict too deep, and likewise of one too shallow, over
            all looks at a search.
        resolution: the smallest step between two scores, such as one validation example, in
            utilities. Scores that agree to within it are not treated as exact: each depth's
            variance is at least that of rounding, ``resolution^2 / 12``.
        cost_per_layer: the gain required beyond the margin for each additional layer, in utilities.
        look: the number of looks at this search with different seeds, including this one.
        baseline: the utility of the best answer that reads no input; None if unknown. Scores that
            make no sense beside it (:mod:`lamina.depth.judge.sense`) give no verdict.

    Returns:
        The decision, with the statistics behind it.

    Raises:
        LaminaError: no depths, a depth without seeds, or a number out of range.
    """
    _check(utilities, margin, alpha, cost_per_layer, look)
    depths = sorted(utilities)
    x, tried = _table([utilities[d] for d in depths])
    price = cost_per_layer * np.array(depths, dtype=np.float64)
    sample = summarise(x - price, tried, margin, resolution)
    level = look_level(alpha, look)
    found = claims(sample, margin, level)
    scores = _scores(depths, x, price, sample, level)
    gains = _gains(depths, price, sample, found, margin, level)
    walk = _walk(depths, sample, found, level)

    last = walk[-1] if walk else None
    growth, p = spread_growth(sample.variance, sample.free, np.array(depths, dtype=np.float64))
    outcome, depth, more = "none", None, None
    between: tuple[int, ...] = ()
    if last is not None and last.found == "enough":
        outcome, depth = "use", last.depth
    elif last is not None and last.found == "open":
        outcome, between = "undecided", (last.depth, *last.against)
        more = seeds_to_settle(sample, margin, look_level(alpha, look + 1))
    best = np.nanmax(sample.mean + price, initial=-np.inf, where=sample.free > 0)
    nonsense = senseless(x, float(best), baseline)
    if nonsense is not None:
        outcome, depth, more, between = "none", None, None, ()
    return Decision(
        outcome,
        depth,
        between,
        more,
        scores,
        gains,
        walk,
        _unstable(depths, sample, between[0] if between else depth, level),
        growth if p <= level else None,
        margin,
        cost_per_layer,
        alpha,
        level,
        nonsense,
    )


def _table(seeds: Sequence[Sequence[float]]) -> tuple[Array, np.ndarray]:
    """Utilities ``(n, K)``, NaN if missing, and seeds per depth ``(K,)``."""
    x = np.full((max(map(len, seeds)), len(seeds)), np.nan)
    for k, scores in enumerate(seeds):
        x[: len(scores), k] = scores
    return np.where(np.isfinite(x), x, np.nan), np.array([len(scores) for scores in seeds])


def _walk(depths: list[int], sample: Sample, found: Claims, level: float) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for i, verdict in enumerate(verdicts(found, sample.free, level).tolist()):
        if verdict == ENOUGH:
            return (*stages, Stage(depths[i], "enough"))
        deeper = range(i + 1, len(depths))
        if verdict == TOO_SHALLOW:
            # Simes rejects only if at least one comparison alone reaches the level.
            better = next(e for e in deeper if found.beats[i, e] <= level)
            stages.append(Stage(depths[i], "too shallow", by=depths[better]))
        elif verdict == UNSTABLE:
            steadier = (depths[e] for e in deeper if found.fails[i, e] <= level)
            stages.append(Stage(depths[i], "unstable", by=next(steadier, None)))
        else:
            rivals = tuple(depths[e] for e in deeper if found.falls_short[i, e] > level)
            return (*stages, Stage(depths[i], "open", against=rivals))
    return tuple(stages)  # no seed of the deepest got through, nor of any depth not yet passed


def _unstable(
    depths: list[int], sample: Sample, shown: int | None, level: float
) -> tuple[int, ...]:
    if shown is None:
        return ()
    i = depths.index(shown)
    p = (tests_of(sample) * fails_more(sample.failed, sample.tried))[i]
    return tuple(
        depths[e] for e in range(i + 1, len(depths)) if p[e] <= level or sample.free[e] == 0
    )


def _gains(
    depths: list[int], price: Array, sample: Sample, found: Claims, margin: float, level: float
) -> tuple[Gain, ...]:
    error, dof = gain_errors(sample.variance, sample.free)
    levels = level / tests_of(sample)
    half = half_width(error, dof, levels)
    gross = sample.mean + price
    beats, falls_short = found.scores
    return tuple(
        Gain(
            depths[i],
            depths[j],
            float(gross[j] - gross[i]),
            _optional(gross[j] - gross[i] - half[i, j]),
            _optional(gross[j] - gross[i] + half[i, j]),
            float(margin + price[j] - price[i]),
            _side(float(beats[i, j]), float(falls_short[i, j]), level),
            float(1 - 2 * levels[i, j]),
        )
        for i, j in combinations(range(len(depths)), 2)
        if sample.free[i] and sample.free[j]
    )


def _side(beats: float, falls_short: float, level: float) -> Literal["above", "below", "open"]:
    if beats <= level:
        return "above"
    return "below" if falls_short <= level else "open"


def _optional(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _scores(
    depths: list[int], x: Array, price: Array, sample: Sample, level: float
) -> tuple[Score, ...]:
    half = half_width(*mean_errors(sample.variance, sample.free), level)
    broad = wide(sample.variance, sample.free)
    scores = []
    for k, depth in enumerate(depths):
        tried, free, stuck = int(sample.tried[k]), int(sample.free[k]), int(sample.stuck[k])
        mean = float(sample.mean[k] + price[k])
        kept = np.sort(x[np.isfinite(x[:, k]), k])[stuck:]  # stuck seeds are the lowest
        low, high = rate_interval(tried - free, tried, level)
        scores.append(
            Score(
                depth,
                seeds=tried,
                diverged=tried - free - stuck,
                stuck=stuck,
                mean=mean if free else None,
                sd=float(kept.std(ddof=1)) if free > 1 else None,
                low=_optional(mean - half[k]) if free else None,
                high=_optional(mean + half[k]) if free else None,
                fails_low=low,
                fails_high=high,
                wide=bool(broad[k]),
            )
        )
    return tuple(scores)


def _check(
    utilities: Mapping[int, Sequence[float]],
    margin: float,
    alpha: float,
    cost_per_layer: float,
    look: int,
) -> None:
    if not utilities:
        raise LaminaError("got no depths to decide between; give at least one.")
    empty = [depth for depth, scores in utilities.items() if len(scores) == 0]
    if empty:
        raise LaminaError(f"depth {empty[0]} has no scores; each depth needs at least one seed.")
    if not (np.isfinite(margin) and margin > 0):
        raise LaminaError(f"got a smallest gain of {margin:g}; it must be more than 0, such as 1.")
    if not 0 < alpha < 0.5:
        raise LaminaError(f"got alpha {alpha:g}; it must lie between 0 and 0.5, such as 0.05.")
    if not (np.isfinite(cost_per_layer) and cost_per_layer >= 0):
        raise LaminaError(f"got a cost of {cost_per_layer:g} a layer; it must be 0 or more.")
    if look < 1:
        raise LaminaError(f"got look {look}; the first is 1.")
