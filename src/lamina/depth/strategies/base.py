"""The door of a strategy: ask and tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from lamina.depth.job import Job
from lamina.depth.problem import Problem
from lamina.depth.trials import Trial, spent


class Strategy(ABC):
    """Says which trainings a search makes, and which of them the verdict is drawn from.

    A strategy keeps nothing but what it was told. What it asks for follows from the *set* of
    trials it was told, whatever their order: so a search that was killed, or that several machines
    share, goes on by telling a new strategy what is done.
    """

    #: What it is called on the command line.
    name: ClassVar[str]

    def __init__(self, problem: Problem):
        self.problem = problem
        self.trials: dict[str, Trial] = {}

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
        return self.ask()

    def expected_seconds(self) -> float:
        """Of training, in a search that begins now: for what is done as well as what follows."""
        last: dict[str, float] = {}
        for job in (*(trial.job for trial in self.trials.values()), *self.expected()):
            last[job.run] = max(self.problem.seconds(job), last.get(job.run, 0.0))
        return sum(last.values())

    def evidence(self) -> dict[int, list[float]]:
        """Of each depth, the utilities from which the verdict is drawn, a seed each in the order
        of seeds, not-a-number for one that diverged; depths without any are left out."""
        whole = [trial for trial in self.trials.values() if trial.whole]
        metric = self.problem.metric
        return {
            depth: [trial.utility(metric) for trial in trials]
            for depth, trials in by_depth(whole).items()
        }

    def affordable(self, jobs: Sequence[Job], done: Iterable[Trial]) -> list[Job]:
        """The first of ``jobs`` that the budget has room for after ``done``; all, without one."""
        if self.problem.budget_seconds is None:
            return list(jobs)
        left = self.problem.budget_seconds - spent(done)
        begun: dict[str, float] = {}
        for trial in done:
            seconds = self.problem.seconds(trial.job)
            begun[trial.job.run] = max(seconds, begun.get(trial.job.run, 0.0))
        found: list[Job] = []
        for job in jobs:
            left -= max(self.problem.seconds(job) - begun.get(job.run, 0.0), 0.0)
            if left < 0:
                break
            found.append(job)
        return found

    def saw(self) -> Sequence[str]:
        """What it went by, for the report: a sentence each."""
        return ()


def by_depth(trials: Sequence[Trial]) -> dict[int, list[Trial]]:
    """Shallow to deep, each depth's trials in the order of their seeds."""
    found: dict[int, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.depth, trial.seed)):
        found.setdefault(trial.depth, []).append(trial)
    return found
