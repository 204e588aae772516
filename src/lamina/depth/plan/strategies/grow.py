"""Deeper as long as it pays: each depth continues from the previous one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from lamina.depth.job import Job
from lamina.depth.phrases import layers
from lamina.depth.plan.rounds import Planned, RoundPlan, in_rounds
from lamina.depth.trials import Trial

#: Consecutive depths whose mean gain over the seeds must stay below the margin before growing
#: stops: some layers only pay off in pairs.
PATIENCE = 2


class Grow(Planned):
    """Progressive stacking: train the shallowest depth, add layers that change nothing at first,
    continue training, and stop when the gain stays below the margin.

    A seed that diverged is not grown further.
    """

    name = kind = "grow"

    def judged(self) -> list[Trial]:
        return list(self.trials.values())

    def saw(self) -> Sequence[str]:
        depths = list(self.evidence())
        left = [str(depth) for depth in self.problem.depths if depth not in depths]
        told = [
            "Each depth started from the weights of the previous one plus a layer that changed"
            " nothing at first; its score is that of residual layers trained one after another, not"
            " of a network trained as a whole. The model that is handed over was trained alone.",
            "A deeper network was also trained for longer, so gains are more likely over- than"
            " underestimated: a depth found to be enough is enough, but one found too shallow may"
            " only have been trained too little.",
        ]
        if depths and left:
            why = "the budget ran out"
            if self._enough(self._means()):
                why = "the gain stayed below the smallest worthwhile one"
            elif not any(map(math.isfinite, self.evidence()[depths[-1]])):
                why = "every training run diverged there"
            told.append(
                f"Growing stopped at {layers(depths[-1])}, as {why}; not tried: {', '.join(left)}."
            )
        return tuple(told)

    def plan(self) -> RoundPlan:
        """Expects the stages of all deeper depths too."""
        count, limit = len(self.problem.depths), self.problem.budget_seconds
        return in_rounds(self, count, self._stage, limit=limit, chained=True)

    def _stage(self, k: int) -> list[Job]:
        """The seeds that got through at the previous depth; none if growing has stopped."""
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
        """The mean utility of each depth so far, over the seeds that got through."""
        kept = ([u for u in us if math.isfinite(u)] for us in self.evidence().values())
        return [statistics.fmean(utilities) for utilities in kept if utilities]

    def _enough(self, means: Sequence[float]) -> bool:
        before, last = means[:-PATIENCE], means[-PATIENCE:]
        return bool(before) and max(last) - max(before) < self.problem.margin


def _job(depth: int, seed: int) -> Job:
    return Job(depth=depth, seed=seed, kind="grow")
