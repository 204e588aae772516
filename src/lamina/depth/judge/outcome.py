"""The contents of a decision: each depth, each pair, and the walk from shallow to deep."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

#: Why scores say nothing about depth: see :func:`lamina.depth.judge.sense.senseless`.
Senseless: TypeAlias = Literal["constant", "far off"]


class Score(Struct, frozen=True):
    """One depth.

    Attributes:
        mean, sd, low, high: utilities over the seeds that got through; ``sd`` and the interval are
            None if unknown.
        seeds, diverged, stuck: how many there were, diverged, and ended far below the others.
        fails_low, fails_high: the interval of the failure rate, in 0..1.
        wide: whether its spread is shown to exceed that of the other depths.
    """

    depth: int
    seeds: int
    diverged: int
    stuck: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    fails_low: float
    fails_high: float
    wide: bool

    @property
    def failed(self) -> int:
        """Seeds that diverged or got stuck."""
        return self.diverged + self.stuck


class Gain(Struct, frozen=True):
    """The gain from ``shallow`` to ``deep``: the difference of mean utilities with its interval, of
    level ``confidence``, the gain that it ``needs`` (the margin and the price of the layers), and
    the side of that on which it is known to lie."""

    shallow: int
    deep: int
    gain: float
    low: float | None
    high: float | None
    needs: float
    side: Literal["above", "below", "open"]
    confidence: float


class Stage(Struct, frozen=True):
    """One step of the walk: ``depth`` was found too shallow (``by``: the shallowest that is shown
    to beat it), unstable (``by``: the shallowest that fails less often; None if no seed of
    ``depth`` got through), enough, or open (against each depth in ``against``)."""

    depth: int
    found: Literal["too shallow", "unstable", "enough", "open"]
    by: int | None = None
    against: tuple[int, ...] = ()


class Decision(Struct, frozen=True):
    """The result of :func:`lamina.depth.judge.decision.decide`.

    Attributes:
        outcome: ``"use"`` (``depth`` is the answer), ``"undecided"`` (between the depths
            ``between``; ``more_seeds`` per depth would settle it, None if more than 30), or
            ``"none"`` (no seed of any depth got through, or the scores are ``senseless``).
        unstable: depths beyond :attr:`shown` that are shown to fail more often, or have no seed
            that got through.
        spread_growth: the spread of the deepest as a multiple of that of the shallowest; None if
            spread is not shown to grow with depth.
        margin, cost_per_layer: in utilities.
        alpha, level: the error probability of all looks, and of each test at this one.
        senseless: why the scores say nothing about depth; None if they may.
    """

    outcome: Literal["use", "undecided", "none"]
    depth: int | None
    between: tuple[int, ...]
    more_seeds: int | None
    scores: tuple[Score, ...]
    gains: tuple[Gain, ...]
    walk: tuple[Stage, ...]
    unstable: tuple[int, ...]
    spread_growth: float | None
    margin: float
    cost_per_layer: float
    alpha: float
    level: float
    senseless: Senseless | None = None

    @property
    def confidence(self) -> float:
        """The level of the intervals: their ends are the bounds that the tests use. Intervals of
        gains have their own level, which is higher if training runs failed."""
        return 1 - 2 * self.level

    @property
    def shown(self) -> int | None:
        """The depth to use for now: the answer, the shallowest that is still open, or, without a
        verdict, the shallowest that was trained; None if training diverged at every depth."""
        if self.senseless:
            return next(score.depth for score in self.scores if score.mean is not None)
        return self.depth if self.between == () else self.between[0]

    def score(self, depth: int) -> Score:
        """The scores of ``depth``.

        Raises:
            KeyError: the depth was not tried.
        """
        for score in self.scores:
            if score.depth == depth:
                return score
        raise KeyError(depth)

    def gain(self, shallow: int, deep: int) -> Gain | None:
        """The gain between two depths; None if no seed of one of them got through."""
        pairs = (g for g in self.gains if (g.shallow, g.deep) == (shallow, deep))
        return next(pairs, None)
