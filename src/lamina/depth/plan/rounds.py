"""Rounds of jobs: all of them, or as many as a budget allows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lamina.depth.job import Job
from lamina.depth.plan.strategies.base import Strategy
from lamina.depth.trials import Trial, spent

#: Reported by a strategy that had to leave out training runs.
OUT_OF_TIME = "The budget ran out before all seeds were trained."


class RoundPlan(NamedTuple):
    """A plan of jobs.

    Attributes:
        asked: jobs to run now.
        expected: the same, and those that would follow.
        cut: whether rounds were left out for lack of time.
    """

    asked: list[Job]
    expected: list[Job]
    cut: bool = False


class Planned(Strategy):
    """A strategy that makes a single plan, of the jobs to run now and of those that would
    follow."""

    @abstractmethod
    def plan(self) -> RoundPlan:
        """The current plan."""

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
    """The unfinished jobs of rounds 0 to ``count - 1``, the deepest first within each round: these
    mostly take longest, and in parallel the round then mostly ends sooner (LPT: Graham 1969, SIAM
    Journal on Applied Mathematics 17). The order does not use measured seconds, which differ
    between machines.

    Args:
        strategy: has the trials recorded so far.
        count: the number of rounds.
        jobs_of: the jobs of a round.
        limit: seconds that all rounds, and ``before``, may take. The first round always runs; a
            later one if it is expected to end within the limit. This is decided when all earlier
            ones have ended, from the time they took, so the answer does not depend on the order in
            which their jobs ended.
        before: seconds already spent.
        chained: whether a round depends on the results of the previous ones and begins when they
            have ended. Until then ``jobs_of`` may give any jobs for it; they count in ``expected``
            only.
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
    """The time that rounds took, or are expected to take if they have not ended."""

    def __init__(self, strategy: Strategy, before: float):
        self.strategy, self.seconds = strategy, before
        self.rounds, self.took, self.guessed = 0, 0.0, 0.0

    def expects(self, jobs: Sequence[Job]) -> float:
        """Expected seconds of a round: as measured before the search, corrected by the time that
        finished rounds took; if nothing was measured, the mean of the rounds so far."""
        guess = _guess(self.strategy, jobs)
        if guess and self.guessed:
            return guess * self.took / self.guessed
        return guess or self.took / max(self.rounds, 1)

    def add(self, jobs: Sequence[Job]) -> None:
        """Add a round."""
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
