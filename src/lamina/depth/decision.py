"""The rule that turns scores into a depth: numbers in, a decision out. No files, no torch.

**Question.** Which is the shallowest depth that no deeper one beats by the margin or more?

**Rule.** Walk up from the shallowest depth ``d``; ``g(e)`` is the gain in mean utility from ``d``
to a deeper ``e``. Every one-sided test has level ``alpha / 2``.

1. ``d`` is *too shallow* when the hypothesis "no deeper ``e`` gains more than the margin" is
   rejected: one-sided t tests of ``g(e)`` against the margin, joined by the test of Simes (1986,
   Biometrika 73), which is valid for comparisons that share one control (Sarkar 1998, Annals of
   Statistics 26). Then the walk goes on with the next depth; hypotheses tested in a fixed order,
   each only after the one before was rejected, need no correction across the steps
   (Maurer, Hothorn and Lehmacher 1995; Westfall and Krishen 2001).
2. ``d`` is *enough* when every ``g(e)`` is shown to be below the margin: an intersection-union
   test, which needs no correction (Berger 1982, Technometrics 24).
3. Otherwise ``d`` is *open*, and the answer is undecided.

The intervals shown have level ``1 - alpha``: their ends are the bounds that the tests use
(Schuirmann 1987), so picture and verdict agree.

**Why alpha / 2.** The way out of "undecided" is to add seeds and look again, and each look is
another chance to err (Armitage, McPherson and Rowe 1969). Half of alpha a look keeps a search
that is looked at up to four times within alpha, as measured below.

**Measured** (``python bench/decision.py``: 20000 searches a row, seed 0, five depths, noise of 0.3
and 0.6 margins, 3, 5 and 10 seeds, equal and threefold growing or falling spread). Where the gain
is exactly the margin, the worst place to stand, one look names a depth that is deeper than right
in at most 2.2% of the searches and a shallower one in at most 2.7%; four looks that follow the
advice, in at most 5.2% and 4.8% (4000 searches a row, standard error 0.35). Where all depths are
equal, or only the second layer gains (two margins), no verdict was wrong; undecided were 22% and
23% of these searches at 3 seeds and noise 0.3, under 1% at 5 seeds, and 87% to 91% at 3 seeds and
noise 0.6. With spread that grows threefold, wrong verdicts there were at most 0.05%.

**Limits.** The bench draws normal noise. Where a seed now and then gets stuck far below the others
(bimodal scores), where one depth's spread is more than some three times another's, or where more
than four looks are taken, wrong verdicts are more frequent than these figures: look at the dots of
the report. A trial's score is its best epoch on the validation part that also compares the depths;
a depth whose curve is noisier from epoch to epoch gains a little by that. And a depth with a
diverged seed is not judged at all, however good its other seeds are.

The same bench with ``--prior 0`` (Welch's separate variances) and ``--prior inf`` (all pooled)
shows why the spread is shrunk half-way: at 3 seeds, noise 0.3 and all depths equal, Welch is
undecided in 52% of the searches instead of 22%; where spreads differ, all pooled errs in up to
4.1% instead of 2.5% at one look, and in 7.0% at four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from msgspec import Struct

from lamina.depth.evidence import (
    ENOUGH,
    TOO_SHALLOW,
    Array,
    gain_errors,
    half_width,
    mean_errors,
    p_values,
    seeds_to_settle,
    verdicts,
)
from lamina.spec import LaminaError


class Score(Struct, frozen=True):
    """One depth. ``mean``, ``sd``, ``low``, ``high`` are utilities over the seeds that finished;
    ``sd`` and the interval are None where they are unknown."""

    depth: int
    seeds: int
    diverged: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None


class Gain(Struct, frozen=True):
    """From ``shallow`` to ``deep``: the difference of mean utilities with its interval
    (level ``1 - alpha``), and on which side of the margin it is known to lie."""

    shallow: int
    deep: int
    gain: float
    low: float | None
    high: float | None
    side: Literal["above", "below", "open"]


class Stage(Struct, frozen=True):
    """One step of the walk: ``depth`` was found too shallow (``by``: the shallowest that is shown
    to beat it), enough, or open (against each depth of ``against``)."""

    depth: int
    found: Literal["too shallow", "enough", "open"]
    by: int | None = None
    against: tuple[int, ...] = ()


class Decision(Struct, frozen=True):
    """What :func:`decide` found.

    ``outcome`` is ``"use"`` (then ``depth`` is the answer), ``"undecided"`` (between the depths
    ``between``; ``more_seeds`` a depth would settle it, None when that is more than
    30), or ``"none"`` (every depth diverged).
    """

    outcome: Literal["use", "undecided", "none"]
    depth: int | None
    between: tuple[int, ...]
    more_seeds: int | None
    scores: tuple[Score, ...]
    gains: tuple[Gain, ...]
    walk: tuple[Stage, ...]
    margin: float
    alpha: float

    @property
    def shown(self) -> int | None:
        """The depth to work with meanwhile: the answer, or the shallowest that is still open."""
        return self.depth if self.between == () else self.between[0]

    def score(self, depth: int) -> Score:
        """The scores of ``depth``. Raises KeyError for a depth that was not tried."""
        for score in self.scores:
            if score.depth == depth:
                return score
        raise KeyError(depth)

    def gain(self, shallow: int, deep: int) -> Gain | None:
        """The gain between two depths; None where one of them diverged."""
        pairs = (g for g in self.gains if (g.shallow, g.deep) == (shallow, deep))
        return next(pairs, None)


def decide(
    utilities: Mapping[int, Sequence[float]],
    margin: float,
    *,
    alpha: float = 0.05,
    resolution: float = 0.0,
) -> Decision:
    """The shallowest depth that no deeper one beats by ``margin`` or more, or undecided.

    utilities: for each depth the utility of each of its seeds (larger is better); a seed that
        diverged is not-a-number or infinite, and its depth can neither win nor beat another.
    margin: the gain that is worth a deeper network, in utilities; more than zero.
    alpha: the probability of a verdict too deep, and likewise of one too shallow, that is
        accepted over all looks at a search.
    resolution: the smallest step between two scores, such as one validation example, in
        utilities. Scores that agree to within it are not taken for certain: each depth's variance
        is at least that of rounding, ``resolution^2 / 12``.

    Raises LaminaError for no depths, a depth without seeds, or a margin or alpha out of range.
    """
    _check(utilities, margin, alpha)
    samples = {d: np.asarray(utilities[d], dtype=np.float64) for d in sorted(utilities)}
    stable = [d for d, x in samples.items() if np.isfinite(x).all()]

    if not stable:
        return Decision("none", None, (), None, _scores(samples, {}), (), (), margin, alpha)

    level = alpha / 2
    mean = np.array([samples[d].mean() for d in stable])
    count = np.array([len(samples[d]) for d in stable], dtype=np.float64)
    variance = np.array([_variance(samples[d]) for d in stable])
    # Not-a-number stands for a single seed and stays.
    variance = np.where(variance < resolution**2 / 12, resolution**2 / 12, variance)
    error, dof = gain_errors(variance, count)
    beats, falls_short = p_values(mean, error, dof, margin)
    walk = _walk(stable, beats, falls_short, level)

    half = half_width(*mean_errors(variance, count), level)
    ends = zip(mean - half, mean + half, strict=True)
    bounds = {d: (_optional(a), _optional(b)) for d, (a, b) in zip(stable, ends, strict=True)}
    scores = _scores(samples, bounds)
    gain = mean[None, :] - mean[:, None]
    half = half_width(error, dof, level)
    gains = tuple(
        Gain(
            stable[i],
            stable[j],
            float(gain[i, j]),
            _optional(gain[i, j] - half[i, j]),
            _optional(gain[i, j] + half[i, j]),
            _side(float(beats[i, j]), float(falls_short[i, j]), level),
        )
        for i, j in combinations(range(len(stable)), 2)
    )

    last = walk[-1]
    if last.found == "enough":
        return Decision("use", last.depth, (), None, scores, gains, walk, margin, alpha)
    more = seeds_to_settle(mean, variance, count, margin, level)
    between = (last.depth, *last.against)
    return Decision("undecided", None, between, more, scores, gains, walk, margin, alpha)


def _walk(depths: list[int], beats: Array, falls_short: Array, level: float) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for i, (depth, found) in enumerate(
        zip(depths, verdicts(beats, falls_short, level).tolist(), strict=True)
    ):
        if found == ENOUGH:
            return (*stages, Stage(depth, "enough"))
        deeper = range(i + 1, len(depths))
        if found != TOO_SHALLOW:
            rivals = tuple(depths[e] for e in deeper if falls_short[i, e] > level)
            return (*stages, Stage(depth, "open", against=rivals))
        # Simes rejects only where at least one comparison alone reaches the level.
        better = next(e for e in deeper if beats[i, e] <= level)
        stages.append(Stage(depth, "too shallow", by=depths[better]))
    raise AssertionError("the deepest depth is always enough")


def _side(beats: float, falls_short: float, level: float) -> Literal["above", "below", "open"]:
    if beats <= level:
        return "above"
    return "below" if falls_short <= level else "open"


def _variance(x: Array) -> float:
    return float(x.var(ddof=1)) if len(x) > 1 else 0.0  # with no degrees of freedom behind it


def _optional(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _check(utilities: Mapping[int, Sequence[float]], margin: float, alpha: float) -> None:
    if not utilities:
        raise LaminaError("got no depths to decide between; give at least one.")
    empty = [depth for depth, scores in utilities.items() if len(scores) == 0]
    if empty:
        raise LaminaError(f"depth {empty[0]} has no scores; each depth needs at least one seed.")
    if not (np.isfinite(margin) and margin > 0):
        raise LaminaError(f"got a smallest gain of {margin:g}; it must be more than 0, such as 1.")
    if not 0 < alpha < 0.5:
        raise LaminaError(f"got alpha {alpha:g}; it must lie between 0 and 0.5, such as 0.05.")


def _scores(
    samples: dict[int, Array], bounds: dict[int, tuple[float | None, float | None]]
) -> tuple[Score, ...]:
    scores = []
    for depth, x in samples.items():
        kept = x[np.isfinite(x)]
        low, high = bounds.get(depth, (None, None))
        scores.append(
            Score(
                depth,
                seeds=len(x),
                diverged=len(x) - len(kept),
                mean=float(kept.mean()) if len(kept) else None,
                sd=float(kept.std(ddof=1)) if len(kept) > 1 else None,
                low=low,
                high=high,
            )
        )
    return tuple(scores)
