"""Every depth with every seed."""

from __future__ import annotations

from lamina.depth.job import Job
from lamina.depth.strategies.base import Strategy


class Grid(Strategy):
    """All depths with the first seed, then all with the second: an early look is fair."""

    name = "grid"

    def ask(self) -> list[Job]:
        jobs = [
            Job(depth=depth, seed=seed)
            for seed in range(self.problem.seeds)
            for depth in self.problem.depths
        ]
        left = [job for job in jobs if self.told(job) is None]
        return self.affordable(left, self.trials.values())
