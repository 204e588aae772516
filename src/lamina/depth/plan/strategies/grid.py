"""Every depth with every setting."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.depth.ask.space import Range, Values, combinations
from lamina.depth.job import Job, changed
from lamina.depth.plan.rounds import RoundPlan, in_rounds
from lamina.depth.plan.tuned import CHOOSING, Tuned


class Grid(Tuned):
    """All depths with the first seed, then all with the second, so that an early look is fair. If
    settings vary, every combination is first tried at every depth, with one training run each."""

    name = "grid"

    @classmethod
    def check(cls, space: Mapping[str, Values | Range]) -> None:
        combinations(space)

    def choosing(self, limit: float | None) -> RoundPlan:
        every = [changed(setting) for setting in combinations(self.problem.space)]

        def jobs_of(k: int) -> list[Job]:
            return [Job(depth=d, seed=CHOOSING, changes=every[k]) for d in self.problem.depths]

        return in_rounds(self, len(every), jobs_of, limit=limit)
