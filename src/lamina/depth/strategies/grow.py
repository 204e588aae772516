"""Deeper as long as it pays: each depth goes on where the one before ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lamina.depth.job import Job
from lamina.depth.strategies.base import Strategy
from lamina.depth.trials import Trial

#: Depths in a row that must bring less than the margin, in the mean of the seeds, before no deeper
#: one is tried: some layers only pay in pairs.
PATIENCE = 2


class Grow(Strategy):
    """Progressive stacking: train the shallowest depth, add layers that change nothing at first, go
    on training, and stop when the gain stays under the margin.

    A seed that diverged is grown no further.
    """

    name = "grow"

    def ask(self) -> list[Job]:
        for stage in self._stages():
            if jobs := [job for job in stage if self.told(job) is None]:
                return jobs
        return []

    def expected(self) -> list[Job]:
        """As if every deeper stage were to come."""
        told = {trial.depth for trial in self.trials.values()}
        first = self.ask()
        if not first:
            return []
        deeper = [d for d in self.problem.depths if d > first[0].depth and d not in told]
        return first + [_job(depth, seed) for depth in deeper for seed in range(self.problem.seeds)]

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
            told.append(
                f"Growing stopped at {depths[-1]} layers, as the gain stayed under the smallest one"
                f" worth having; not tried: {', '.join(left)}."
            )
        return tuple(told)

    def _stages(self) -> Iterator[list[Job]]:
        """The jobs of each depth that is wanted, up to the first stage that has not ended."""
        seeds = list(range(self.problem.seeds))
        means: list[float] = []
        for depth in self.problem.depths:
            stage = [_job(depth, seed) for seed in seeds]
            yield stage
            trials = self._trials(stage)
            seeds = [trial.seed for trial in trials if not trial.diverged]
            if len(trials) < len(stage) or not seeds:
                return
            utilities = [trial.utility(self.problem.metric) for trial in trials]
            means.append(float(np.nanmean(utilities)))
            if self._enough(means):
                return

    def _enough(self, means: Sequence[float]) -> bool:
        before, last = means[:-PATIENCE], means[-PATIENCE:]
        return bool(before) and max(last) - max(before) < self.problem.margin

    def _trials(self, stage: Sequence[Job]) -> list[Trial]:
        return [trial for trial in map(self.told, stage) if trial is not None]


def _job(depth: int, seed: int) -> Job:
    return Job(depth=depth, seed=seed, kind="grow")
