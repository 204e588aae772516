"""The logic of the race on plain numbers: results so far in, the next round out.

A *round* is a set of training runs requested together. This module derives the next round from the
finished ones, with no files and no torch, so that ``bench/strategies.py`` can simulate thousands of
races.

**Screen.** Every depth is trained for :data:`SCREEN` of the epochs and, if that is inconclusive,
for :data:`LONGER`. A deeper one is passed over if its *outlook* is a gain below the margin, a
shallower one than the answer so far if it falls short by more than the margin; at the first pause
only if it misses by far (:data:`EARLY`). The outlook is its lead over the answer at the pause,
compared at the same epoch, plus what it may still catch up: each doubling of the epochs is assumed
to bring half of the previous one, so a catch-up of ``c`` in the last doubling leaves
``c * (1 - t / T)`` from epoch ``t`` to the end ``T``. The price of the screen is that it loses a
depth that stagnates for long and starts late.

**Seeds.** The verdict of :mod:`lamina.depth.judge.decision` uses complete training runs only: of
the shallowest depths first, always of the depth next to the answer, then of those that the screen
leaves, the shallowest first. Before a depth is judged for the first time, it and the answer get
enough seeds for a typical gain, judging by the spread so far alone. If the verdict is open, seeds
go to the depths that keep it open, as many as are likely to settle it. Both give the next seed to
the depth where a second of training reduces the error most.

**Looks.** Judging depths again after more seeds is another chance to err. Each time is a look at
the search, at the level of :func:`lamina.depth.judge.evidence.look_level`, and the verdict is drawn
at the last one. The race ends when it is decided, when all seeds are spent, or when more are
futile: when even all of them would settle it only with a small probability (predictive power:
Spiegelhalter, Freedman and Blackburn 1986, Controlled Clinical Trials 7).

**Failures.** A training run that diverges has ended, wherever it was. The screen of a depth moves
on to its next seed until one gets through, or :data:`FIRST` have failed and the depth is out. A
complete run that got stuck, by the decision's criterion, counts as failed too: planning uses only
the seeds that got through, and there must be as many of these as the decision requires.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.depth.judge.decision import decide
from lamina.depth.judge.failures import ENOUGH_FREE, GAP_MARGINS, stuck
from lamina.depth.plan.seeds import Contest, Limits

#: Shares of the epochs after which the screen decides.
SCREEN, LONGER = 0.2, 0.5
#: How far, in margins, an outlook must lie on the wrong side of the margin for its depth to be
#: passed over at the first pause, when deep networks have often barely begun to learn; at the
#: second, any distance.
EARLY = 2.5
#: Initial complete training runs, of the shallowest depth and of another.
FIRST, NEXT = 3, 2


@dataclass(frozen=True)
class Run:
    """A training run as far as it is known: the best utility up to each evaluation.

    Attributes:
        epochs, best: ``(n,)``, in order; NaN as the last of ``best``: the run diverged.
        whole: whether it has ended.
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
        """The best utility up to an epoch; the first known value for earlier epochs."""
        known = [u for e, u in zip(self.epochs, self.best, strict=True) if e <= epoch]
        return (known or [self.best[0]])[-1]


@dataclass(frozen=True)
class Want:
    """A requested training run: a depth's index, a seed, and a pause or the end."""

    depth: int
    seed: int
    epochs: int | None


@dataclass(frozen=True)
class Round:
    """The next training runs; empty if the race is over.

    Attributes:
        again: depths already judged that get more seeds and are judged again.
        passed_over: depths whose outlook would not change the answer.
    """

    wanted: tuple[Want, ...]
    again: bool = False
    passed_over: tuple[int, ...] = ()


#: The runs of each depth's index, in the order of seeds.
Seen = Sequence[Sequence[Run]]


def next_round(seen: Seen, limits: Limits, look: int = 1) -> Round:
    """What to train after ``seen``, given that the evidence is looked at for the ``look``-th
    time."""
    K, tries = len(limits.cost), min(FIRST, limits.seeds)
    missing = [k for k in range(K) if len(seen[k]) < tries and all(run.failed for run in seen[k])]
    if missing:
        pause = limits.pause(SCREEN)
        until = pause if pause < limits.epochs else None
        return Round(tuple(Want(k, len(seen[k]), until) for k in missing))
    alive = [k for k in range(K) if not all(run.failed for run in seen[k])]
    judged = [k for k in alive if any(run.scored for run in seen[k])]
    told = {k: [run.best[-1] for run in seen[k] if run.whole or run.failed] for k in judged}
    seen = _without_stuck(seen, limits)
    finals = {k: [run.best[-1] for run in seen[k] if run.scored] for k in judged}
    first = [
        want
        for k, count in zip(alive, (FIRST, NEXT), strict=False)
        for want in _whole(seen, k, count, limits)
    ]
    if first or not alive:
        return Round(tuple(first))
    doubtful = [
        want
        for k in judged
        if _doubtful(told[k], finals[k], limits)
        for want in _whole(seen, k, ENOUGH_FREE, limits)
    ]
    if doubtful:
        return Round(tuple(doubtful))
    if judged == alive[:2] and look == 1:
        begin = Contest.of(finals, alive[0], alive[1:2], limits).by_spread(limits.level(look))
        wanted = [want for k, n in begin.items() for want in _whole(seen, k, n, limits)]
        if wanted:
            return Round(tuple(wanted))
    answer, rivals = _open(told, limits, look)
    if rivals:
        counts = Contest.of(finals, answer, rivals, limits).settled_by(limits.level(look + 1))
        wanted = [want for k, n in counts.items() for want in _whole(seen, k, n, limits)]
        if wanted:
            return Round(tuple(wanted), True)
    rest = [k for k in alive if k not in finals]
    passed_over = tuple(k for k in rest if not _promising(seen, k, answer, limits))
    deeper = [k for k in alive if k > answer]
    if not rivals and deeper and deeper[0] in rest:
        entry = _entry(seen, finals, deeper[0], answer, limits, look)
        return Round(entry, passed_over=passed_over)
    challengers = [k for k in rest if k not in passed_over]
    return Round(
        _challenge(seen, finals, challengers, answer, limits, look), passed_over=passed_over
    )


def _without_stuck(seen: Seen, limits: Limits) -> list[list[Run]]:
    """The same runs, with stuck ones marked as failed."""
    finals = np.full((max(map(len, seen)), len(seen)), math.nan)
    for k, runs in enumerate(seen):
        for seed, run in enumerate(runs):
            if run.scored:
                finals[seed, k] = run.best[-1]
    lost = stuck(finals, limits.margin)
    return [
        [
            Run(run.epochs, [*run.best[:-1], math.nan], True) if lost[seed, k] else run
            for seed, run in enumerate(runs)
        ]
        for k, runs in enumerate(seen)
    ]


def _doubtful(told: Sequence[float], through: Sequence[float], limits: Limits) -> bool:
    """Whether a seed of a depth got stuck, or one of two may have."""
    scored = [u for u in told if math.isfinite(u)]
    apart = len(scored) == 2 and max(scored) - min(scored) > GAP_MARGINS * limits.margin
    return apart or len(through) < len(scored)


def _open(
    finals: Mapping[int, Sequence[float]], limits: Limits, look: int
) -> tuple[int, tuple[int, ...]]:
    """Where the walk over the complete training runs stops, and the deeper depths that keep it
    open."""
    found = decide(
        finals,
        limits.margin,
        alpha=limits.alpha,
        resolution=limits.resolution,
        look=limits.looks + look,
    )
    return found.walk[-1].depth, found.walk[-1].against


def _whole(seen: Seen, depth: int, count: int, limits: Limits) -> list[Want]:
    """The runs that a depth lacks to reach this many complete ones that got through, as far as
    seeds remain."""
    through = [s for s in range(limits.seeds) if s >= len(seen[depth]) or not seen[depth][s].failed]
    return [
        Want(depth, seed, None)
        for seed in through[:count]
        if seed >= len(seen[depth]) or not seen[depth][seed].whole
    ]


def _screened(seen: Seen, depth: int) -> Run:
    """The training run that the screen uses: the first that has got through so far."""
    return next(run for run in seen[depth] if not run.failed)


def outlook(seen: Seen, depth: int, base: int, limits: Limits) -> float:
    """The expected final gain of ``depth`` over ``base``, which was trained to the end,
    extrapolated from the paused run of ``depth``."""
    run = _screened(seen, depth)
    epoch, rivals = run.epochs[-1], [other for other in seen[base] if other.scored]

    def lead(at: float) -> float:
        return run.at(at) - float(np.mean([other.at(at) for other in rivals]))

    catch_up = max(lead(epoch) - lead(epoch / 2), 0.0)
    return lead(epoch) + catch_up * (1 - epoch / limits.epochs)


def _promising(seen: Seen, depth: int, answer: int, limits: Limits) -> bool:
    """Whether a depth may change the answer: a deeper one by gaining at least the margin, a
    shallower one by falling short of it by no more than that."""
    early = _screened(seen, depth).epochs[-1] < limits.pause(LONGER)
    slack = EARLY if early else 0.0
    bar = 1 - slack if depth > answer else -1 - slack
    return outlook(seen, depth, answer, limits) >= bar * limits.margin


def _entry(
    seen: Seen,
    finals: Mapping[int, Sequence[float]],
    newcomer: int,
    answer: int,
    limits: Limits,
    look: int,
) -> tuple[Want, ...]:
    """Seeds of a depth about to be judged for the first time, and of the answer so far."""
    counts = Contest.of(finals, answer, (newcomer,), limits).by_spread(limits.level(look))
    return tuple(want for k in (answer, newcomer) for want in _whole(seen, k, counts[k], limits))


def _challenge(
    seen: Seen,
    finals: Mapping[int, Sequence[float]],
    challengers: Sequence[int],
    answer: int,
    limits: Limits,
    look: int,
) -> tuple[Want, ...]:
    """Continue the screen; the remaining depths are trained to the end, the shallowest first,
    because with it the deeper ones may no longer promise a gain."""
    pause = limits.pause(LONGER)
    early = [k for k in challengers if _screened(seen, k).epochs[-1] < pause < limits.epochs]
    if early:
        return tuple(Want(k, seen[k].index(_screened(seen, k)), pause) for k in early)
    if not challengers:
        return ()
    return _entry(seen, finals, challengers[0], answer, limits, look)
