"""How many seeds a race gives to the depths that are still open, on plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from lamina.depth.judge.evidence import PRIOR_DOF, gain_errors, look_level

#: The target probability that seeds chosen by the spread alone are enough.
POWER = 0.8
#: More seeds are futile if all of them would settle it with less than this probability.
FUTILE = 0.2


@dataclass(frozen=True)
class Limits:
    """The constants of a race; depths are indexed from 0, in ascending order.

    Attributes:
        cost: seconds of an epoch of each depth, or anything proportional.
        epochs: of a complete training run.
        seeds: maximum number of complete training runs per depth.
        margin, alpha, resolution: as in :func:`lamina.depth.judge.decision.decide`.
        looks: at this search, before the race.
    """

    cost: tuple[float, ...]
    epochs: int
    seeds: int
    margin: float
    alpha: float = 0.05
    resolution: float = 0.0
    looks: int = 0

    def level(self, look: int) -> float:
        """The level of each one-sided test at the given look of the race, the first being 1."""
        return look_level(self.alpha, self.looks + look)

    def pause(self, share: float) -> int:
        """The epoch at this share of a training run."""
        return max(1, math.ceil(share * self.epochs - 1e-9))


@dataclass(frozen=True)
class Contest:
    """Gains over ``base`` that keep the verdict open, in utilities, and the seeds to settle it.

    Attributes:
        gains: of each rival.
        counts: training runs that got through, for every depth judged now or next.
        variance: expected variance of a training run at each of these depths: shrunk towards the
            pooled one, as in the decision.
    """

    base: int
    gains: Mapping[int, float]
    counts: Mapping[int, int]
    variance: Mapping[int, float]
    limits: Limits

    @classmethod
    def of(
        cls,
        finals: Mapping[int, Sequence[float]],
        base: int,
        rivals: Sequence[int],
        limits: Limits,
    ) -> Contest:
        """Build a contest from the utilities of the complete training runs that got through, by
        depth; a rival may have none."""
        scored = {k: finals.get(k, ()) for k in (*finals, *rivals)}
        squares = {k: float(np.var(x)) * len(x) if x else 0.0 for k, x in scored.items()}
        dof = {k: max(len(x) - 1, 0) for k, x in scored.items()}
        pooled = sum(squares.values()) / max(sum(dof.values()), 1)
        least = limits.resolution**2 / 12
        variance = {
            k: max((squares[k] + PRIOR_DOF * pooled) / (dof[k] + PRIOR_DOF), least) for k in scored
        }
        mean = {k: float(np.mean(x)) for k, x in scored.items() if x}
        gains = {k: mean.get(k, mean[base]) - mean[base] for k in rivals}
        return cls(base, gains, {k: len(x) for k, x in scored.items()}, variance, limits)

    def by_spread(self, level: float) -> dict[int, int]:
        """The cheapest numbers of seeds at which a gain that differs from the margin by a margin is
        shown at ``level`` with probability :data:`POWER`; if there are not enough seeds, at least
        one of each.

        It uses the spread alone, never the gains, so it is not a look (an internal pilot, Wittes
        and Brittain 1990, Statistics in Medicine 9).
        """
        counts = self._cheapest(self.gains, lambda k, now: self._far_off(k, now, level))
        return {k: max(n, 1) for k, n in (counts or self.counts).items()}

    def settled_by(self, level: float) -> dict[int, int]:
        """The number of seeds of each depth for the next look, which tests at ``level``; the
        current numbers if more are futile."""
        best = max(self.gains, key=lambda k: self.gains[k])
        # One rival that beats the base ends the stage; otherwise all must fall short.
        needed = [best] if self.gains[best] > self.limits.margin else list(self.gains)
        chance = min(self._chance(k, self._full(needed), level) for k in needed)
        if chance < FUTILE:
            return dict(self.counts)
        counts = self._cheapest(needed, lambda k, now: self._chance(k, now, level) >= POWER)
        if counts is None:
            return self._full(needed)
        if counts == self.counts:
            counts = {k: n + (k in (self.base, *needed)) for k, n in counts.items()}
        return counts

    def _cheapest(
        self, needed: Collection[int], enough: Callable[[int, Mapping[int, int]], bool]
    ) -> dict[int, int] | None:
        """Add seeds one by one to the depth whose next seed reduces the squared error of a gain
        most for its price, until all have enough; None if there are not that many."""
        counts, cost = dict(self.counts), self.limits.cost
        while open_to := [k for k in needed if not enough(k, counts)]:
            free = [k for k in (self.base, *open_to) if counts[k] < self.limits.seeds]
            if not free:
                return None
            k = max(free, key=lambda k: 1 / (max(counts[k], 0.1) * (counts[k] + 1) * cost[k]))
            counts[k] += 1
        return counts

    def _full(self, needed: Collection[int]) -> dict[int, int]:
        return {
            k: max(self.limits.seeds, n) if k in (self.base, *needed) else n
            for k, n in self.counts.items()
        }

    def _far_off(self, k: int, counts: Mapping[int, int], level: float) -> bool:
        """Whether a gain that differs from the margin by a margin is shown with probability
        POWER."""
        error, dof = self._error(k, counts)
        if dof <= 0:
            return False
        return float(stdtrit(dof, 1 - level) + stdtrit(dof, POWER)) * error <= self.limits.margin

    def _chance(self, k: int, counts: Mapping[int, int], level: float) -> float:
        """The probability that these seeds show on which side of the margin the gain of ``k`` lies,
        given the means so far and their uncertainty (predictive power, flat prior)."""
        error, dof = self._error(k, counts)
        if dof <= 0:
            return 0.0
        now, _ = self._error(k, self.counts)
        may_move = math.sqrt(max(now**2 - error**2, (1e-9 * self.limits.margin) ** 2))
        bound = float(stdtrit(dof, 1 - level)) * error
        off = self.gains[k] - self.limits.margin
        return float(ndtr((off - bound) / may_move) + ndtr((-off - bound) / may_move))

    def _error(self, k: int, counts: Mapping[int, int]) -> tuple[float, float]:
        """The standard error of the gain of ``k`` and its degrees of freedom, approximately as in
        the decision: variances are shrunk beforehand here, so that a depth with one seed has one
        too. For planning only; the verdict computes its own."""
        if not (counts[k] and counts[self.base]):
            return math.inf, 0.0
        order = list(counts)
        variance = np.array([self.variance[j] for j in order])
        error, dof = gain_errors(variance, np.array([counts[j] for j in order]))
        at = order.index(self.base), order.index(k)
        return float(error[at]), float(dof[at])
