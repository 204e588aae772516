"""The interface of a strategy: ask and tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from lamina.depth.ask.space import Range, Values
from lamina.depth.job import Job
from lamina.depth.plan.clock import makespan, remaining
from lamina.depth.plan.front import Point
from lamina.depth.plan.problem import Problem
from lamina.depth.trials import Trial, apart
from lamina.spec import LaminaError


class Strategy(ABC):
    """Decides which training runs a search makes, and which of them the verdict is based on.

    A strategy has no state except the trials it was given. Its requests depend on the *set* of
    these trials, not on their order. A search that was killed, or that several machines share, is
    therefore resumed by giving the finished trials to a new strategy.
    """

    #: Its name on the command line.
    name: ClassVar[str]
    #: How its first jobs are trained, a name in :data:`lamina.depth.plan.kinds.KINDS`.
    kind: ClassVar[str] = "train"

    def __init__(self, problem: Problem):
        self.problem = problem
        self.trials: dict[str, Trial] = {}

    @classmethod
    def check(cls, space: Mapping[str, Values | Range]) -> None:
        """Refuse, before anything is trained, a space that the strategy cannot handle, or a machine
        without the required packages.

        Raises:
            LaminaError: the strategy cannot run.
        """
        if space:
            raise LaminaError(
                f"strategy {cls.name!r} tries nothing but depths, and {next(iter(space))!r} may"
                " vary too; take a strategy that tries settings, such as 'random'."
            )

    def tell(self, trial: Trial) -> None:
        """Record the trial of a finished job."""
        self.trials[trial.job.key] = trial

    def told(self, job: Job) -> Trial | None:
        """The trial of a job; None if it has not been recorded."""
        return self.trials.get(job.key)

    @abstractmethod
    def ask(self) -> list[Job]:
        """The jobs to run now, the most urgent first; any number of them may run side by side.
        Running jobs are listed until their trials are recorded. An empty list ends the search."""

    def expected(self) -> list[Job]:
        """All jobs still to run if results continue as they are now; used to estimate the remaining
        time."""
        return [job for part in self.expected_parts() for job in part]

    def expected_parts(self) -> list[list[Job]]:
        """The same in consecutive parts: each begins when the previous one has ended."""
        return [self.ask()]

    def welcome(self) -> list[Job]:
        """Jobs that it does not request, but also judges if another strategy has run them in the
        same study, so that no available evidence is ignored."""
        return []

    def judged(self) -> list[Trial]:
        """The training runs behind the verdict. The best complete one of the chosen depth is handed
        over; if there is none, one is trained."""
        return [trial for trial in self.trials.values() if trial.whole]

    def expected_seconds(self) -> float:
        """Expected training time of a search that starts now, including runs already done."""
        last: dict[str, float] = {}
        for job in (*(trial.job for trial in self.trials.values()), *self.expected()):
            last[job.run] = max(self.problem.seconds(job), last.get(job.run, 0.0))
        return sum(last.values())

    def expected_wall_seconds(self) -> float:
        """Expected wall-clock time of the remaining runs, with as many side by side as the problem
        allows."""
        done, seconds = [trial.job for trial in self.trials.values()], 0.0
        for part in self.expected_parts():
            rest = remaining(part, done, self.problem.seconds)
            seconds += makespan(rest.values(), self.problem.parallel)
            done += part
        return seconds

    def evidence(self) -> dict[int, list[float]]:
        """For each depth, the utilities that the verdict is based on, in the order of seeds, NaN
        for a seed that diverged; depths without any are left out."""
        metric = self.problem.metric
        return {
            depth: [trial.utility(metric) for trial in trials]
            for depth, trials in by_depth(apart(self.judged())).items()
        }

    @property
    def looks(self) -> int:
        """The number of looks at the evidence, including the verdict's: more than one if an earlier
        look decided what was trained next. See :meth:`lamina.depth.plan.problem.Problem.decide`."""
        return 1

    def saw(self) -> Sequence[str]:
        """What its decisions were based on, one sentence each, for the report."""
        return ()

    def front(self) -> Sequence[Point]:
        """The points that no other one beats in both score and time, if the strategy looks for
        them."""
        return ()


def by_depth(trials: Sequence[Trial]) -> dict[int, list[Trial]]:
    """The trials of each depth in the order of their seeds; depths in ascending order."""
    found: dict[int, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.depth, trial.seed)):
        found.setdefault(trial.depth, []).append(trial)
    return found
