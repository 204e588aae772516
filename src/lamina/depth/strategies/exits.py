"""Every depth from one training a seed."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.job import Job
from lamina.depth.strategies.base import Strategy
from lamina.depth.trials import Trial


class Exits(Strategy):
    """A head after every layer of the deepest network, all trained together: a curve over depths
    for about the price of its deepest point.

    Heads of one training share its luck, so differences between depths spread less over seeds than
    the decision takes them to: it is rather undecided than wrong by that. What the curve is not is
    said by :meth:`saw`.
    """

    name = "exits"

    def ask(self) -> list[Job]:
        return [job for job in self._all() if self.told(job) is None]

    def judged(self) -> list[Trial]:
        return list(self.trials.values())

    def saw(self) -> Sequence[str]:
        seeds, deepest = self.problem.seeds, self.problem.depths[-1]
        return (
            f"The depths were not trained apart: {seeds} networks of {deepest} layers had a head at"
            " every depth asked for, and each score is that of a head.",
            "A head that shares its layers with deeper ones is not a network trained alone: it may"
            " score less (the layers serve all heads) or more (the other heads teach them too)."
            " The model that is handed over was trained alone.",
        )

    def _all(self) -> list[Job]:
        deepest = self.problem.depths[-1]
        return [Job(depth=deepest, seed=s, kind="exits") for s in range(self.problem.seeds)]
