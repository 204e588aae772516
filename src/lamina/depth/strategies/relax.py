"""A depth proposed by gradient descent, then held against its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.decision import decide
from lamina.depth.job import Job
from lamina.depth.strategies.base import Strategy
from lamina.depth.trials import Trial


class Relax(Strategy):
    """Each seed learns a choice among all depths beside the weights of one shared network; the
    median choice is a proposal. It and its neighbours are then trained alone, and further ones as
    long as the answer lies at the edge of what was trained; the verdict is drawn from these alone.

    What was learned under the choice is no evidence: depths that lose weight are taught less and
    less, so their scores fall behind whatever they could do.
    """

    name = "relax"

    def ask(self) -> list[Job]:
        proposals = [self._relaxed(seed) for seed in range(self.problem.seeds)]
        if jobs := [job for job in proposals if self.told(job) is None]:
            return jobs
        alone = [
            Job(depth=self.problem.depths[place], seed=seed)
            for seed in range(self.problem.seeds)
            for place in self._places()
        ]
        return [job for job in alone if self.told(job) is None]

    def expected(self) -> list[Job]:
        asked = self.ask()
        if not asked or asked[0].kind == "train":
            return asked
        near = min(3, len(self.problem.depths))
        middle = self.problem.depths[(len(self.problem.depths) - near) // 2 :][:near]
        return asked + [Job(depth=d, seed=s) for s in range(self.problem.seeds) for d in middle]

    def saw(self) -> Sequence[str]:
        chosen = [str(depth) for depth in self._choices()]
        if not chosen:
            return ("Every relaxed training diverged, so all depths were trained alone.",)
        return (
            f"Depth as a continuous choice, learned on half of the validation part: the seeds chose"
            f" {', '.join(chosen)} layers.",
            "The verdict is drawn from networks of these depths and their neighbours, each trained"
            " alone; the other half of the validation part was never learned from, but both halves"
            " score them, so the proposal has seen some of what it is judged by.",
        )

    def _relaxed(self, seed: int) -> Job:
        return Job(depth=self.problem.depths[-1], seed=seed, kind="relax")

    def _choices(self) -> list[int]:
        """The depth with the largest share at the end, of each seed that did not diverge."""
        told = map(self.told, map(self._relaxed, range(self.problem.seeds)))
        return sorted(_chosen(trial) for trial in told if trial is not None and trial.shares)

    def _places(self) -> range:
        """Which of the depths are trained alone, as far as is known."""
        depths, chosen = self.problem.depths, self._choices()
        if not chosen:
            return range(len(depths))
        middle = depths.index(chosen[len(chosen) // 2])
        low, high = max(middle - 1, 0), min(middle + 1, len(depths) - 1)
        while (edge := self._edge(range(low, high + 1))) is not None:
            wider = (low - 1, high) if edge == depths[low] else (low, high + 1)
            if wider[0] < 0 or wider[1] >= len(depths):
                break
            low, high = wider
        return range(low, high + 1)

    def _edge(self, places: range) -> int | None:
        """The shallowest or deepest of these depths where it is the one to use; None where another
        is, none is, or trainings are missing."""
        problem = self.problem
        depths = [problem.depths[place] for place in places]
        whole = self.evidence()
        if any(len(whole.get(depth, ())) < problem.seeds for depth in depths):
            return None
        found = decide(
            {depth: whole[depth] for depth in depths},
            problem.margin,
            alpha=problem.alpha,
            resolution=problem.resolution,
        )
        return found.depth if found.depth in (depths[0], depths[-1]) else None


def _chosen(trial: Trial) -> int:
    return max(trial.shares, key=lambda pair: pair[1])[0]
