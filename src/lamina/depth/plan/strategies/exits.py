"""Every depth from one training run per seed."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.job import Job
from lamina.depth.plan.rounds import Planned, RoundPlan, in_rounds
from lamina.depth.trials import Trial


class Exits(Planned):
    """A head after every layer of the deepest network, all trained together: a curve over depths
    for about the price of its deepest point.

    Heads of one training run share its luck, so differences between depths vary less across seeds
    than the decision assumes, which makes it conservative: more often undecided, not more often
    wrong. The limits of the curve are explained by :meth:`saw`.
    """

    name = kind = "exits"

    def judged(self) -> list[Trial]:
        return list(self.trials.values())

    def saw(self) -> Sequence[str]:
        seeds, deepest = len(self.trials), self.problem.depths[-1]
        return (
            *super().saw(),
            f"The depths were not trained separately: {seeds}"
            f" {'network' if seeds == 1 else 'networks'} of {deepest} layers had a head at every"
            " depth compared, and each score is that of a head.",
            "A head that shares its layers with deeper ones differs from a network trained alone:"
            " it may score lower (the layers serve all heads) or higher (the other heads also"
            " train them). The model that is handed over was trained alone.",
        )

    def plan(self) -> RoundPlan:
        problem = self.problem
        return in_rounds(
            self,
            problem.seeds,
            lambda seed: [Job(depth=problem.depths[-1], seed=seed, kind="exits")],
            limit=problem.budget_seconds,
        )
