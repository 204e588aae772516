"""What a decision says: of each depth, of each pair, and of the walk from shallow to deep."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Score(Struct, frozen=True):
    """One depth. ``mean``, ``sd``, ``low``, ``high`` are utilities over the seeds that got
    through; ``sd`` and the interval are None where they are unknown.

    seeds, diverged, stuck: how many there were, diverged, and ended far below the others.
    fails_low, fails_high: the interval of the share of trainings that fail, in 0..1.
    wide: its spread is shown to be larger than that of the other depths.
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
    """From ``shallow`` to ``deep``: the difference of mean utilities with its interval, of level
    ``confidence``, what it ``needs`` to be (the margin, and the price of the layers), and on which
    side of that it is known to lie."""

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
    to beat it), unstable (``by``: the shallowest that fails less often; None where no seed of
    ``depth`` got through), enough, or open (against each depth of ``against``)."""

    depth: int
    found: Literal["too shallow", "unstable", "enough", "open"]
    by: int | None = None
    against: tuple[int, ...] = ()


class Decision(Struct, frozen=True):
    """What :func:`lamina.depth.judge.decision.decide` found.

    ``outcome`` is ``"use"`` (then ``depth`` is the answer), ``"undecided"`` (between the depths
    ``between``; ``more_seeds`` a depth would settle it, None when that is more than
    30), or ``"none"`` (no seed of any depth got through).

    unstable: deeper than :attr:`shown`, and shown to fail more often, or without a seed that got
        through.
    spread_growth: how many times the deepest spreads as the shallowest; None where spread is not
        shown to grow with depth.
    margin, cost_per_layer: in utilities. alpha, level: of all looks, and of each test at this one.
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

    @property
    def confidence(self) -> float:
        """The level of the intervals: their ends are the bounds that the tests use. Those of gains
        have their own, which is higher where trainings failed."""
        return 1 - 2 * self.level

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
        """The gain between two depths; None where no seed of one of them got through."""
        pairs = (g for g in self.gains if (g.shallow, g.deep) == (shallow, deep))
        return next(pairs, None)
