"""Settings drawn at random."""

from __future__ import annotations

from lamina.depth.ask.space import draw
from lamina.depth.job import Job, changed
from lamina.depth.plan.rounds import RoundPlan, in_rounds
from lamina.depth.plan.tuned import Tuned, replicated


class Random(Tuned):
    """The same draws for every depth (Bergstra and Bengio 2012, JMLR 13: if only a few of many
    options matter, random settings try more values of those than a grid of the same size)."""

    name = "random"

    def choosing(self, limit: float | None) -> RoundPlan:
        settings = [changed(setting) for setting in draw(self.problem.space, self.tried)]
        jobs = [replicated(depth, settings) for depth in self.problem.depths]

        def jobs_of(k: int) -> list[Job]:
            return [of_depth[k] for of_depth in jobs]

        return in_rounds(self, len(settings), jobs_of, limit=limit)
