"""The door of a strategy: ask and tell."""

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
    """Says which trainings a search makes, and which of them the verdict is drawn from.

    A strategy keeps nothing but what it was told. What it asks for follows from the *set* of
    trials it was told, whatever their order: so a search that was killed, or that several machines
    share, goes on by telling a new strategy what is done.
    """

    #: What it is called on the command line.
    name: ClassVar[str]
    #: How its first jobs are trained, a name of :data:`lamina.depth.plan.kinds.KINDS`.
    kind: ClassVar[str] = "train"

    def __init__(self, problem: Problem):
        self.problem = problem
        self.trials: dict[str, Trial] = {}

    @classmethod
    def check(cls, space: Mapping[str, Values | Range]) -> None:
        """Refuse, before anything is trained, a space that it cannot try, or a machine that lacks
        what it needs. Raises LaminaError."""
        if space:
            raise LaminaError(
                f"strategy {cls.name!r} tries nothing but depths, and {next(iter(space))!r} may"
                " vary too; take a strategy that tries settings, such as 'random'."
            )

    def tell(self, trial: Trial) -> None:
        """A job has ended."""
        self.trials[trial.job.key] = trial

    def told(self, job: Job) -> Trial | None:
        """What came of a job; None before it was told."""
        return self.trials.get(job.key)

    @abstractmethod
    def ask(self) -> list[Job]:
        """The jobs that are wanted as things stand, the most urgent first: any number of them may
        run side by side. Those that run already are named again until they are told. None: the
        search is over."""

    def expected(self) -> list[Job]:
        """The jobs that it would still run if all goes on as it looks now; for the time left."""
        return [job for part in self.expected_parts() for job in part]

    def expected_parts(self) -> list[list[Job]]:
        """The same in parts that follow each other: one begins when that before it has ended."""
        return [self.ask()]

    def welcome(self) -> list[Job]:
        """Jobs that it does not ask for, but judges too where another strategy has run them in the
        same study: evidence that is there is not left out."""
        return []

    def judged(self) -> list[Trial]:
        """The trainings that the verdict is drawn from. The best whole one of the chosen depth is
        handed over; where none is whole, one is made."""
        return [trial for trial in self.trials.values() if trial.whole]

    def expected_seconds(self) -> float:
        """Of training, in a search that begins now: for what is done as well as what follows."""
        last: dict[str, float] = {}
        for job in (*(trial.job for trial in self.trials.values()), *self.expected()):
            last[job.run] = max(self.problem.seconds(job), last.get(job.run, 0.0))
        return sum(last.values())

    def expected_wall_seconds(self) -> float:
        """By the clock, of what is still to run, with as many trainings side by side as the problem
        has room for."""
        done, seconds = [trial.job for trial in self.trials.values()], 0.0
        for part in self.expected_parts():
            rest = remaining(part, done, self.problem.seconds)
            seconds += makespan(rest.values(), self.problem.parallel)
            done += part
        return seconds

    def evidence(self) -> dict[int, list[float]]:
        """Of each depth, the utilities from which the verdict is drawn, a seed each in the order
        of seeds, not-a-number for one that diverged; depths without any are left out."""
        metric = self.problem.metric
        return {
            depth: [trial.utility(metric) for trial in trials]
            for depth, trials in by_depth(apart(self.judged())).items()
        }

    @property
    def looks(self) -> int:
        """How often the evidence was looked at, the verdict's look as the last: more than once
        where an earlier look decided what was trained next. See
        :meth:`lamina.depth.plan.problem.Problem.decide`."""
        return 1

    def saw(self) -> Sequence[str]:
        """What it went by, for the report: a sentence each."""
        return ()

    def front(self) -> Sequence[Point]:
        """What no other point beats in both score and time, where it looked for that."""
        return ()


def by_depth(trials: Sequence[Trial]) -> dict[int, list[Trial]]:
    """Shallow to deep, each depth's trials in the order of their seeds."""
    found: dict[int, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.depth, trial.seed)):
        found.setdefault(trial.depth, []).append(trial)
    return found
