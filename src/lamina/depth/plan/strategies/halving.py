"""Many settings for a few epochs, the best of them for longer: successive halving."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lamina.depth.ask.space import draw
from lamina.depth.job import Job, changed
from lamina.depth.plan.rounds import RoundPlan
from lamina.depth.plan.tuned import Tuned, replicated

#: One of this many settings at a rung is promoted, to this many times as many epochs.
ETA = 3


class Halving(Tuned):
    """ASHA (Li et al. 2020, MLSys 2, algorithm 2) at each depth separately: a setting in the best
    third of those that reached a rung is promoted to the next, without waiting for the whole rung.

    Rungs are pauses after ``E/ETA^k`` epochs, the last a complete training run. In ASHA promotions
    depend on which run is faster, so two machines would not agree. Here settings are processed at
    each rung in a fixed order, at the first in the order of their draws and at the others in the
    order of their promotions; a late one delays only those behind it at that rung. The requests
    therefore depend only on the set of results, and a promotion is never revoked. If a rung is full
    and too small for a third, its best setting is promoted: every depth gets a complete run.

    optuna's SuccessiveHalvingPruner is not used: it decides from the contents of its storage at the
    time of a report, which reintroduces the dependence on order, and it terminates a run, whereas
    ASHA can resume a paused one once others turn out worse.

    Depths do not compete: a deep network often learns slowly at first, and a depth that trails the
    best by less than the margin may be the answer.
    """

    name = "halving"

    @property
    def rungs(self) -> list[int]:
        """The number of epochs at each rung, ascending."""
        epochs = self.problem.epochs
        count = 1 + math.floor(math.log(epochs) / math.log(ETA) + 1e-9)
        return sorted({math.ceil(epochs / ETA**k) for k in range(count)})

    def choosing(self, limit: float | None) -> RoundPlan:
        count = self._begun(limit)
        settings = [changed(setting) for setting in draw(self.problem.space, count)]
        asked: list[list[Job]] = [[] for _ in self.rungs]
        later: list[Job] = []
        for depth in self.problem.depths:
            for rung, (waiting, coming) in enumerate(self._bracket(replicated(depth, settings))):
                asked[rung] += waiting
                later += coming
        urgent = [job for jobs in reversed(asked) for job in jobs]  # like ASHA: promote, then begin
        # The number a limit pays for is known once each depth has trained for a while.
        timed = [job for job in self._probes() if limit is not None and self.told(job) is None]
        return RoundPlan(timed or urgent, [*urgent, *later])

    def _bracket(self, arms: Sequence[Job]) -> list[tuple[list[Job], list[Job]]]:
        """For each rung the jobs to run now, and those expected to follow."""
        found: list[tuple[list[Job], list[Job]]] = []
        arrived, coming, full = list(range(len(arms))), len(arms), True
        for epochs in self.rungs:
            jobs = [self._at(arms[arm], epochs) for arm in arrived]
            waiting = [job for job in jobs if self.told(job) is None]
            others = [arm for arm in range(len(arms)) if arm not in arrived]
            guessed = [self._at(arms[arm], epochs) for arm in others[: coming - len(arrived)]]
            found.append((waiting, guessed))
            full = full and not waiting
            coming = max(1, coming // ETA) if coming else 0
            arrived = self._promoted(arrived, jobs, full)
            coming = len(arrived) if full else max(coming, len(arrived))
        return found

    def _promoted(self, arrived: list[int], jobs: list[Job], full: bool) -> list[int]:
        """The settings promoted from a rung, in the order of promotion; ``full``: no further
        setting will reach it."""
        on: list[int] = []
        ranked: list[tuple[float, int]] = []
        for count, (arm, job) in enumerate(zip(arrived, jobs, strict=True), 1):
            trial = self.told(job)
            if trial is None:
                return on
            if not trial.diverged:
                ranked.append((-trial.utility(self.problem.metric), arm))
                ranked.sort()
            on += [arm for _, arm in ranked[: count // ETA] if arm not in on]
        if full and not on and ranked:
            on.append(ranked[0][1])
        return on

    def _at(self, arm: Job, epochs: int) -> Job:
        whole = epochs == self.problem.epochs
        return Job(
            depth=arm.depth,
            seed=arm.seed,
            changes=arm.changes,
            epochs=None if whole else epochs,
        )

    def _begun(self, limit: float | None) -> int:
        """Settings per depth that the limit is expected to pay for, at least two."""
        count = self.tried
        while limit is not None and count > 2 and self._seconds(count) > limit:
            count -= 1
        return count

    def _probes(self) -> list[Job]:
        """The first setting of each depth, at the first rung."""
        (first,) = draw(self.problem.space, 1)
        arms = (replicated(depth, [changed(first)])[0] for depth in self.problem.depths)
        return [self._at(arm, self.rungs[0]) for arm in arms]

    def _seconds(self, count: int) -> float:
        """Expected time of a bracket of ``count`` settings, over all depths."""
        an_epoch = 0.0
        for job in self._probes():
            trial = self.told(job)
            guess = self.problem.epoch_seconds.get(job.depth, 0.0)
            an_epoch += guess if trial is None else trial.seconds / max(trial.epochs, 1)
        epochs, before = 0, 0
        for rung in self.rungs:
            epochs += count * (rung - before)
            count, before = max(1, count // ETA), rung
        return epochs * an_epoch
