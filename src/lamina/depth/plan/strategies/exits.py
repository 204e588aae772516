"""Every depth from one training a seed."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.job import Job
from lamina.depth.plan.strategies.rounds import Planned, RoundPlan, in_rounds
from lamina.depth.trials import Trial


class Exits(Planned):
    """A head after every layer of the deepest network, all trained together: a curve over depths
    for about the price of its deepest point.

    Heads of one training share its luck, so differences between depths spread less over seeds than
    the decision takes them to: it is rather undecided than wrong by that. What the curve is not is
    said by :meth:`saw`.
    """

    name = kind = "exits"

    def judged(self) -> list[Trial]:
        return list(self.trials.values())

    def saw(self) -> Sequence[str]:
        seeds, deepest = len(self.trials), self.problem.depths[-1]
        return (
            *super().saw(),
            f"The depths were not trained apart: {seeds} {'network' if seeds == 1 else 'networks'}"
            f" of {deepest} layers had a head at every depth asked for, and each score is that of a"
            " head.",
            "A head that shares its layers with deeper ones is not a network trained alone: it may"
            " score less (the layers serve all heads) or more (the other heads teach them too)."
            " The model that is handed over was trained alone.",
        )

    def plan(self) -> RoundPlan:
        problem = self.problem
        return in_rounds(
            self,
            problem.seeds,
            lambda seed: [Job(depth=problem.depths[-1], seed=seed, kind="exits")],
            limit=problem.budget_seconds,
        )
