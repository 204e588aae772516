"""The logic of the race on plain numbers: what was seen so far in, the next round out.

A *round* is a set of trainings that are wanted at once. What follows from a set of finished rounds
is worked out here, with no files and no torch, so that ``bench/strategies.py`` can play thousands
of races.

**Screen.** Every depth is trained for :data:`SCREEN` of the epochs, and where that does not tell,
for :data:`LONGER`. A depth whose *outlook* is a gain of less than half the margin is passed over.
The outlook is its lead at the pause over the depth it is to beat, compared at the same epoch, and
what it may still catch up: each doubling of the epochs is taken to bring half of the one before, so
that the last one's catch-up ``c`` leaves ``c * (1 - t / T)`` from epoch ``t`` to the end ``T``. A
depth that stands still for long and starts late is lost by this: that is the price of the screen.

**Seeds.** The verdict of :mod:`lamina.depth.decision` is drawn from whole trainings only: of the
shallowest depths first, and of the next deeper than the answer always. Where it is open, seeds go
to the depths it hangs on: as many as would settle it if means and spreads stayed as they are, given
where a second of training lowers the error most. Shallow seeds are cheap, and they tell the spread
of the deep ones too, for it is pooled.

**Looks.** To judge depths again after more seeds is another chance to err. Each is a look of the
search, at the level of :func:`lamina.depth.evidence.look_level`, and the verdict is drawn at the
last one. The race ends when it is decided, when all seeds are spent, or when more are futile: when
not even gains that move by a standard error of what they may still move would settle it at the
next look (conditional power, Lachin 2005, Statistics in Medicine 24).

**Failures.** A training that diverges has ended, wherever it was. The screen of a depth goes on to
its next seed until one gets through, or :data:`FIRST` have failed; the depth is then out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from lamina.depth.decision import decide
from lamina.depth.evidence import look_level

#: Shares of the epochs after which the screen looks.
SCREEN, LONGER = 0.2, 0.5
#: A depth is passed over where its outlook is a gain below this share of the margin.
PROMISING = 0.5
#: Whole trainings to begin with, of the shallowest depth and of another.
FIRST, NEXT = 3, 2


@dataclass(frozen=True)
class Limits:
    """What does not change in a race; depths are counted from 0, shallow to deep.

    cost:   seconds of an epoch of each depth, or anything in proportion.
    epochs: of a whole training. seeds: whole trainings of a depth, at most.
    margin, alpha, resolution: as :func:`lamina.depth.decision.decide` takes them.
    looks:  at this search, before the race.
    """

    cost: tuple[float, ...]
    epochs: int
    seeds: int
    margin: float
    alpha: float = 0.05
    resolution: float = 0.0
    looks: int = 0

    def level(self, look: int) -> float:
        """Of each one-sided test at the look of this number, the first of the race being 1."""
        return look_level(self.alpha, self.looks + look)

    def pause(self, share: float) -> int:
        """The epoch at this share of a training."""
        return max(1, math.ceil(share * self.epochs - 1e-9))


@dataclass(frozen=True)
class Run:
    """A training as far as it is known: the best utility up to each evaluation.

    epochs, best: ``(n,)``, in order. whole: whether it has ended. Not-a-number as the last of
    ``best``: it diverged.
    """

    epochs: Sequence[int]
    best: Sequence[float]
    whole: bool

    @property
    def failed(self) -> bool:
        """Whether it diverged."""
        return math.isnan(self.best[-1])

    @property
    def scored(self) -> bool:
        """Whether it got through to its end."""
        return self.whole and not self.failed

    def at(self, epoch: float) -> float:
        """The best utility up to an epoch; what was first known where it is earlier."""
        known = [u for e, u in zip(self.epochs, self.best, strict=True) if e <= epoch]
        return (known or [self.best[0]])[-1]


@dataclass(frozen=True)
class Want:
    """A training that is wanted: of a depth's index, with a seed, to a pause or to the end."""

    depth: int
    seed: int
    epochs: int | None


@dataclass(frozen=True)
class Round:
    """What is wanted next; nothing: the race is over.

    again: depths that were judged get more seeds and are judged again.
    passed_over: depths whose outlook would not change the answer.
    """

    wanted: tuple[Want, ...]
    again: bool = False
    passed_over: tuple[int, ...] = ()


#: Of each depth's index, its runs in the order of seeds.
Seen = Sequence[Sequence[Run]]


def next_round(seen: Seen, limits: Limits, look: int = 1) -> Round:
    """What to train after ``seen``, where the evidence is looked at for the ``look``-th time."""
    K, tries = len(limits.cost), min(FIRST, limits.seeds)
    missing = [k for k in range(K) if len(seen[k]) < tries and all(run.failed for run in seen[k])]
    if missing:
        pause = limits.pause(SCREEN)
        until = pause if pause < limits.epochs else None
        return Round(tuple(Want(k, len(seen[k]), until) for k in missing))
    alive = [k for k in range(K) if not all(run.failed for run in seen[k])]
    first = [
        want
        for k, count in zip(alive, (FIRST, NEXT), strict=False)
        for want in _whole(seen, k, count, limits)
    ]
    if first or not alive:
        return Round(tuple(first))
    judged = [k for k in alive if any(run.scored for run in seen[k])]
    finals = {k: [run.best[-1] for run in seen[k] if run.whole or run.failed] for k in judged}
    answer, rivals = _open(finals, limits, look)
    if rivals:
        counts = Hang.of(finals, answer, rivals, limits).settled_by(limits.level(look + 1))
        wanted = [want for k, n in counts.items() for want in _whole(seen, k, n, limits)]
        if wanted:
            return Round(tuple(wanted), True)
    rest = [k for k in alive if k not in finals]
    passed_over = tuple(k for k in rest if not _promising(seen, k, answer, limits))
    deeper = [k for k in alive if k > answer]
    if not rivals and deeper and deeper[0] in rest:
        return Round(tuple(_whole(seen, deeper[0], 1, limits)), passed_over=passed_over)
    challengers = [k for k in rest if k not in passed_over]
    return Round(_challenge(seen, challengers, answer, limits), passed_over=passed_over)


def _open(
    finals: Mapping[int, Sequence[float]], limits: Limits, look: int
) -> tuple[int, tuple[int, ...]]:
    """Where the walk over the whole trainings stops, and the deeper ones that keep it open."""
    found = decide(
        finals,
        limits.margin,
        alpha=limits.alpha,
        resolution=limits.resolution,
        look=limits.looks + look,
    )
    return found.walk[-1].depth, found.walk[-1].against


def _whole(seen: Seen, depth: int, count: int, limits: Limits) -> list[Want]:
    """What a depth lacks of so many whole trainings that got through, with the seeds there are."""
    through = [s for s in range(limits.seeds) if s >= len(seen[depth]) or not seen[depth][s].failed]
    return [
        Want(depth, seed, None)
        for seed in through[:count]
        if seed >= len(seen[depth]) or not seen[depth][seed].whole
    ]


def _screened(seen: Seen, depth: int) -> Run:
    """The training that the screen goes by: the first that got through so far."""
    return next(run for run in seen[depth] if not run.failed)


def outlook(seen: Seen, depth: int, base: int, limits: Limits) -> float:
    """The gain of ``depth`` over ``base``, which was trained whole, that its paused training lets
    expect at the end."""
    run = _screened(seen, depth)
    epoch, rivals = run.epochs[-1], [other for other in seen[base] if other.scored]

    def lead(at: float) -> float:
        return run.at(at) - float(np.mean([other.at(at) for other in rivals]))

    catch_up = max(lead(epoch) - lead(epoch / 2), 0.0)
    return lead(epoch) + catch_up * (1 - epoch / limits.epochs)


def _promising(seen: Seen, depth: int, answer: int, limits: Limits) -> bool:
    """Whether a depth may change the answer: a deeper one by a gain over it, a shallower one by
    being as good but for the margin."""
    bar = PROMISING if depth > answer else PROMISING - 1
    return outlook(seen, depth, answer, limits) >= bar * limits.margin


def _challenge(
    seen: Seen, challengers: Sequence[int], answer: int, limits: Limits
) -> tuple[Want, ...]:
    """The screen goes on; whom it leaves is trained whole, the most promising first."""
    pause = limits.pause(LONGER)
    early = [k for k in challengers if _screened(seen, k).epochs[-1] < pause < limits.epochs]
    if early:
        return tuple(Want(k, seen[k].index(_screened(seen, k)), pause) for k in early)
    if not challengers:
        return ()
    best = max(challengers, key=lambda k: outlook(seen, k, answer, limits))
    return tuple(_whole(seen, best, 1, limits))


@dataclass(frozen=True)
class Hang:
    """What an open stage hangs on: the gains of ``rivals`` over ``base``, in utilities.

    gains: of each rival. counts: trainings of base and rivals that got through. spread: of a
    training, pooled over all depths, with ``dof`` degrees of freedom.
    """

    base: int
    gains: Mapping[int, float]
    counts: Mapping[int, int]
    spread: float
    dof: int
    limits: Limits

    @classmethod
    def of(
        cls,
        finals: Mapping[int, Sequence[float]],
        base: int,
        rivals: Sequence[int],
        limits: Limits,
    ) -> Hang:
        """From the utilities of whole trainings of each depth."""
        scored = {k: [u for u in finals[k] if math.isfinite(u)] for k in finals}
        mean = {k: float(np.mean(scored[k])) for k in finals}
        squares = sum((u - mean[k]) ** 2 for k in finals for u in scored[k])
        dof = sum(len(x) - 1 for x in scored.values())
        spread = max(math.sqrt(squares / max(dof, 1)), limits.resolution / math.sqrt(12))
        gains = {k: mean[k] - mean[base] for k in rivals}
        return cls(base, gains, {k: len(scored[k]) for k in (base, *rivals)}, spread, dof, limits)

    def settled_by(self, level: float) -> dict[int, int]:
        """How many seeds of each to have at the next look, which tests at ``level``; as many as
        there are where more are futile."""
        counts = self.plan(level)
        if counts is None:
            full = {k: max(self.limits.seeds, n) for k, n in self.counts.items()}
            plans: list[dict[int, int]] = []
            for sign in (-1, 1):
                moved = {k: gain + sign * self._may_move(k, full) for k, gain in self.gains.items()}
                if (plan := self.plan(level, moved)) is not None:
                    plans.append(plan)
            counts = min(plans, key=self._price, default=dict(self.counts))
        elif counts == self.counts:
            counts = {k: min(n + 1, self.limits.seeds) for k, n in counts.items()}
        # The spread is hardly known at first: never more than twice what there is.
        return {k: min(n, 2 * self.counts[k]) for k, n in counts.items()}

    def plan(self, level: float, gains: Mapping[int, float] | None = None) -> dict[int, int] | None:
        """The cheapest numbers of seeds, chosen one by one, that would settle the stage with these
        gains; None where there are not so many."""
        gains, limits = gains or self.gains, self.limits
        best = max(gains, key=lambda k: gains[k])
        # One that beats the base ends the stage; else all must fall short.
        needed = [best] if gains[best] > limits.margin else list(gains)
        counts = dict(self.counts)
        while open_to := [k for k in needed if not self._shown(k, gains[k], counts, level)]:
            free = [k for k in (self.base, *open_to) if counts[k] < limits.seeds]
            if not free:
                return None
            # What a seed takes off the squared error of a gain, by its price.
            k = max(free, key=lambda k: 1 / (counts[k] * (counts[k] + 1) * limits.cost[k]))
            counts[k] += 1
        return counts

    def _shown(self, k: int, gain: float, counts: Mapping[int, int], level: float) -> bool:
        dof = self.dof + sum(counts.values()) - sum(self.counts.values())
        bound = float(stdtrit(dof, 1 - level)) if dof > 0 else math.inf
        return abs(gain - self.limits.margin) >= bound * self._error(k, counts)

    def _error(self, k: int, counts: Mapping[int, int]) -> float:
        return self.spread * math.sqrt(1 / counts[k] + 1 / counts[self.base])

    def _may_move(self, k: int, full: Mapping[int, int]) -> float:
        """The standard deviation of what a gain will still move by, up to all seeds."""
        return math.sqrt(max(self._error(k, self.counts) ** 2 - self._error(k, full) ** 2, 0.0))

    def _price(self, counts: Mapping[int, int]) -> float:
        return sum(n * self.limits.cost[k] for k, n in counts.items())
