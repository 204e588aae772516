"""Rounds of jobs, as many as there are, or as many as a budget pays for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lamina.depth.job import Job
from lamina.depth.plan.strategies.base import Strategy
from lamina.depth.trials import Trial, spent

#: What a strategy says that had to leave trainings out.
OUT_OF_TIME = "The budget ran out before all seeds were trained."


class RoundPlan(NamedTuple):
    """asked: wanted now. expected: the same, and those that would follow. cut: whether rounds were
    left out for want of time."""

    asked: list[Job]
    expected: list[Job]
    cut: bool = False


class Planned(Strategy):
    """A strategy that makes one plan, of what is wanted now and of what would follow."""

    @abstractmethod
    def plan(self) -> RoundPlan:
        """As things stand."""

    def ask(self) -> list[Job]:
        return self.plan().asked

    def saw(self) -> Sequence[str]:
        return (OUT_OF_TIME,) if self.plan().cut else ()

    def expected_parts(self) -> list[list[Job]]:
        return [self.plan().expected]


def in_rounds(
    strategy: Strategy,
    count: int,
    jobs_of: Callable[[int], Sequence[Job]],
    *,
    limit: float | None = None,
    before: float = 0.0,
    chained: bool = False,
) -> RoundPlan:
    """The jobs of rounds 0 to ``count - 1`` that have not been told, of each round the deepest
    first: they mostly take longest, and side by side the last of all then mostly ends sooner (LPT:
    Graham 1969, SIAM Journal on Applied Mathematics 17). Not by the seconds that were measured,
    which differ from machine to machine.

    limit:   seconds that all rounds, and ``before``, may take. The first round is always run; a
             later one, if it is expected to end within the limit. That is decided when all earlier
             ones have ended, from what they took: so the answer is the same in whatever order
             their jobs ended.
    chained: a round follows from what came of those before it: it begins when they have ended.
             ``jobs_of`` then may give any jobs for a round of which that is not so; they count in
             ``expected`` only.
    """
    plan, cut = RoundPlan([], []), False
    past = _Past(strategy, before)
    begins = True
    for k in range(count):
        jobs = jobs_of(k)
        if limit is not None and k and past.seconds + past.expects(jobs) > limit:
            cut = True
            break
        waiting = [job for job in jobs if strategy.told(job) is None]
        waiting.sort(key=lambda job: job.depth, reverse=True)
        plan.expected.extend(waiting)
        if begins:
            plan.asked.extend(waiting)
        if waiting and (chained or limit is not None):
            begins = False
        past.add(jobs)
    return plan._replace(cut=cut)


class _Past:
    """What rounds took; those that have not ended, what they are expected to take."""

    def __init__(self, strategy: Strategy, before: float):
        self.strategy, self.seconds = strategy, before
        self.rounds, self.took, self.guessed = 0, 0.0, 0.0

    def expects(self, jobs: Sequence[Job]) -> float:
        """Seconds of a round: as was measured before the search, corrected by what the rounds that
        ended took; where nothing was measured, as much as a round so far."""
        guess = _guess(self.strategy, jobs)
        if guess and self.guessed:
            return guess * self.took / self.guessed
        return guess or self.took / max(self.rounds, 1)

    def add(self, jobs: Sequence[Job]) -> None:
        """A round more."""
        trials: list[Trial] = [t for job in jobs if (t := self.strategy.told(job)) is not None]
        if len(trials) < len(jobs):
            self.seconds += self.expects(jobs)
            return
        seconds = spent(trials)
        self.seconds += seconds
        self.took += seconds
        self.guessed += _guess(self.strategy, jobs)
        self.rounds += 1


def _guess(strategy: Strategy, jobs: Sequence[Job]) -> float:
    return sum({job.run: strategy.problem.seconds(job) for job in jobs}.values())
