"""Deeper as long as it pays: each depth goes on where the one before ended."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lamina.depth.job import Job
from lamina.depth.phrases import layers
from lamina.depth.plan.strategies.rounds import Planned, RoundPlan, in_rounds
from lamina.depth.trials import Trial

#: Depths in a row that must bring less than the margin, in the mean of the seeds, before no deeper
#: one is tried: some layers only pay in pairs.
PATIENCE = 2


class Grow(Planned):
    """Progressive stacking: train the shallowest depth, add layers that change nothing at first, go
    on training, and stop when the gain stays under the margin.

    A seed that diverged is grown no further.
    """

    name = kind = "grow"

    def judged(self) -> list[Trial]:
        return list(self.trials.values())

    def saw(self) -> Sequence[str]:
        depths = list(self.evidence())
        left = [str(depth) for depth in self.problem.depths if depth not in depths]
        told = [
            "Each depth began with the weights of the one before it and a layer that changed"
            " nothing at first; its score is that of residual layers trained in turn, not of a"
            " network trained at once. The model that is handed over was trained alone.",
            "A deeper network had also trained for longer, so a gain is rather too large than too"
            " small: a depth that is enough here is enough, one that is too shallow may only have"
            " been trained too little.",
        ]
        if depths and left:
            why = "the budget ran out"
            if self._enough(self._means()):
                why = "the gain stayed under the smallest one worth having"
            elif not any(map(math.isfinite, self.evidence()[depths[-1]])):
                why = "every training diverged there"
            told.append(
                f"Growing stopped at {layers(depths[-1])}, as {why}; not tried: {', '.join(left)}."
            )
        return tuple(told)

    def plan(self) -> RoundPlan:
        """Expected are the stages of all deeper depths too."""
        count, limit = len(self.problem.depths), self.problem.budget_seconds
        return in_rounds(self, count, self._stage, limit=limit, chained=True)

    def _stage(self, k: int) -> list[Job]:
        """The seeds that got through at the depth before; none where growing has stopped."""
        depth, shallower = self.problem.depths[k], self.problem.depths[:k]
        told = {(trial.depth, trial.seed): trial for trial in self.trials.values()}
        seeds = list(range(self.problem.seeds))
        for below in shallower:
            if any((below, seed) not in told for seed in seeds):  # not known yet
                return [_job(depth, seed) for seed in seeds]
            seeds = [seed for seed in seeds if not told[below, seed].diverged]
        if any(self._enough(self._means()[:end]) for end in range(1, k + 1)):
            return []
        return [_job(depth, seed) for seed in seeds]

    def _means(self) -> list[float]:
        """Of the utilities of each depth so far, over the seeds that got through."""
        kept = ([u for u in us if math.isfinite(u)] for us in self.evidence().values())
        return [statistics.fmean(utilities) for utilities in kept if utilities]

    def _enough(self, means: Sequence[float]) -> bool:
        before, last = means[:-PATIENCE], means[-PATIENCE:]
        return bool(before) and max(last) - max(before) < self.problem.margin


def _job(depth: int, seed: int) -> Job:
    return Job(depth=depth, seed=seed, kind="grow")
