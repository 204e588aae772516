"""A depth proposed by gradient descent, then compared with its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.job import Job
from lamina.depth.plan.rounds import Planned, RoundPlan, in_rounds
from lamina.depth.plan.tuned import SHARE
from lamina.depth.trials import Trial, spent


class Relax(Planned):
    """Each seed learns a choice among all depths along with the weights of one shared network; the
    median choice is the proposal. It and its neighbours are then trained alone, and further depths
    as long as the answer is at the edge of those trained; the verdict uses these runs only.

    Scores learned under the choice are no evidence: depths that lose weight are trained less and
    less, so their scores fall behind regardless of their potential.
    """

    name = kind = "relax"

    def plan(self) -> RoundPlan:
        return self._looking()[0]

    @property
    def looks(self) -> int:
        return self._looking()[1]

    def saw(self) -> Sequence[str]:
        chosen = [str(depth) for depth in self._choices()]
        if not chosen:
            return ("Every relaxed training run diverged, so all depths were trained alone.",)
        return (
            *super().saw(),
            f"Depth as a continuous choice, learned on half of the validation part: the seeds chose"
            f" {', '.join(chosen)} layers.",
            "The verdict is based on networks of these depths and their neighbours, each trained"
            " alone. The other half of the validation part was never trained on, but both halves"
            " score them, so the proposal has seen part of the data that it is judged by.",
        )

    def _relaxed(self, seed: int) -> Job:
        return Job(depth=self.problem.depths[-1], seed=seed, kind="relax")

    def _choices(self) -> list[int]:
        """The depth with the largest final share, for each seed that did not diverge."""
        told = map(self.told, map(self._relaxed, range(self.problem.seeds)))
        return sorted(_chosen(trial) for trial in told if trial is not None and trial.shares)

    def _looking(self) -> tuple[RoundPlan, int]:
        """The current plan; and how often depths trained alone have been judged, including the
        verdict."""
        problem = self.problem
        proposals = self._proposals()
        if proposals.asked:
            near = min(3, len(problem.depths))
            middle = problem.depths[(len(problem.depths) - near) // 2 :][:near]
            usual = [Job(depth=d, seed=s) for s in range(problem.seeds) for d in middle]
            return RoundPlan(proposals.asked, [*proposals.expected, *usual]), 1
        places, look = self._proposed(), 1
        while not (alone := self._alone(places)).asked:
            edge = self._edge(places, look)
            if edge is None:
                break
            beyond = places[0] - 1 if edge == problem.depths[places[0]] else places[-1] + 1
            if not 0 <= beyond < len(problem.depths):
                break
            if not self._fits(places, problem.depths[beyond]):
                break
            places = range(min(places[0], beyond), max(places[-1], beyond) + 1)
            look += 1
        return alone, look

    def _proposals(self) -> RoundPlan:
        budget, seeds = self.problem.budget_seconds, self.problem.seeds
        limit = None if budget is None else SHARE * budget
        return in_rounds(self, seeds, lambda seed: [self._relaxed(seed)], limit=limit)

    def _proposed(self) -> range:
        """The indices of the proposal and its neighbours among the depths; all if there is no
        proposal."""
        depths, chosen = self.problem.depths, self._choices()
        if not chosen:
            return range(len(depths))
        middle = depths.index(chosen[len(chosen) // 2])
        return range(max(middle - 1, 0), min(middle + 2, len(depths)))

    def _alone(self, places: range) -> RoundPlan:
        """The plan that trains the depths at these indices alone."""
        depths = [self.problem.depths[place] for place in places]
        return in_rounds(
            self,
            self.problem.seeds,
            lambda seed: [Job(depth=depth, seed=seed) for depth in depths],
            limit=self.problem.budget_seconds,
            before=spent(trial for trial in self.trials.values() if trial.job.kind == "relax"),
        )

    def _fits(self, places: range, depth: int) -> bool:
        """Whether the budget allows a first training run of ``depth`` after those at ``places``."""
        if self.problem.budget_seconds is None:
            return True
        depths = [self.problem.depths[place] for place in places]
        done = (t for t in self.trials.values() if t.job.kind == "relax" or t.depth in depths)
        more = self.problem.seconds(Job(depth=depth, seed=0))
        return spent(done) + more <= self.problem.budget_seconds

    def _edge(self, places: range, look: int) -> int | None:
        """The shallowest or deepest of these depths if it is the one to use; otherwise None."""
        depths = [self.problem.depths[place] for place in places]
        evidence = self.evidence()
        found = self.problem.decide({depth: evidence[depth] for depth in depths}, look)
        return found.depth if found.depth in (depths[0], depths[-1]) else None


def _chosen(trial: Trial) -> int:
    return max(trial.shares, key=lambda pair: pair[1])[0]
