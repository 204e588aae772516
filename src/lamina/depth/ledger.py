"""Who runs what: the jobs that are taken, and what came of those that ended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from lamina.depth.job import Job
from lamina.depth.trials import Trial, read_trial


class Ledger(Protocol):
    """Shared by all that work on a search."""

    def finished(self, jobs: Iterable[Job]) -> list[Trial]:
        """What came of those of ``jobs`` that have ended, here or elsewhere."""
        ...

    def claim(self, job: Job) -> bool:
        """Take a job; False where somebody else has it."""
        ...

    def finish(self, trial: Trial) -> None:
        """The job that was claimed has ended."""
        ...

    def release(self, job: Job) -> None:
        """The job that was claimed is not run after all."""
        ...


class FolderLedger:
    """The search's own folder, which one process works on."""

    def __init__(self, out: Path):
        self.out = out

    def finished(self, jobs: Iterable[Job]) -> list[Trial]:
        trials = (read_trial(self.out, job) for job in jobs)
        return [trial for trial in trials if trial is not None]

    def claim(self, job: Job) -> bool:
        return True

    def finish(self, trial: Trial) -> None:
        pass

    def release(self, job: Job) -> None:
        pass
