"""A depth by rules of thumb, chosen without training."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.ask.advice import Suggestion, suggest
from lamina.depth.job import Job
from lamina.depth.plan.strategies.base import Strategy


class Rules(Strategy):
    """The shallowest depth that :mod:`lamina.depth.ask.advice` suggests, trained once to provide a
    model.

    Among the depths of the search: the shallowest suggested one, otherwise the one nearest to the
    suggestion; a shallower one if that run alone is expected to exceed the budget.
    """

    name = "rules"

    @property
    def suggestion(self) -> Suggestion:
        """The suggestion of the rules; all depths of the search if nothing is known about the
        data."""
        facts = self.problem.facts
        return Suggestion(self.problem.depths) if facts is None else suggest(facts)

    @property
    def depth(self) -> int:
        """The answer."""
        span = self.suggestion.depths
        best = min(self.problem.depths, key=lambda d: (min(abs(d - s) for s in span), d))
        fits = [d for d in self.problem.depths if d <= best and self._fits(d)]
        return max(fits, default=self.problem.depths[0])

    def ask(self) -> list[Job]:
        job = Job(depth=self.depth, seed=0)
        return [] if self.told(job) else [job]

    def saw(self) -> Sequence[str]:
        told = ["Chosen by rules of thumb, which are advice and not evidence about this data."]
        facts = self.problem.facts
        if facts is not None:
            told.append(
                f"The rules were applied to: {facts.task.replace('-', ' ')}, {facts.sequences:,}"
                f" training sequences of about {facts.length:,} steps."
            )
        told += [f"{rule.says} ({rule.source})" for rule in self.suggestion.rules]
        return told

    def _fits(self, depth: int) -> bool:
        budget = self.problem.budget_seconds
        return budget is None or self.problem.seconds(Job(depth=depth, seed=0)) <= budget
