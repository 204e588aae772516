"""One job after another, in this process."""

from __future__ import annotations

from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import run_job
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial


class Serial:
    """Runs a job when :meth:`wait` is called."""

    size = 1

    def __init__(self, setup: Setup, out: Path, progress: SearchProgress):
        self.setup, self.out, self.progress = setup, out, progress
        self.threads = setup.settings.threads
        self.running: list[Job] = []

    def prepare(self, jobs: int) -> None:
        pass

    def start(self, job: Job) -> None:
        self.running.append(job)

    def wait(self, seconds: float | None) -> Trial:
        job = self.running[0]
        trial = run_job(job, self.setup, self.out, self.progress.trial(job))
        self.running.remove(job)
        return trial

    def close(self) -> None:
        self.running.clear()
