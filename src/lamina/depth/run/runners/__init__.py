"""The places where jobs can run."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.run.runners.processes import Processes
from lamina.depth.run.runners.serial import Serial
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial


class Runner(Protocol):
    """Runs up to ``size`` jobs side by side.

    Attributes:
        threads: CPU threads per job; None: torch's current setting.
        running: the jobs that were started and not yet returned by :meth:`wait`.
    """

    size: int
    threads: int | None
    running: list[Job]

    def prepare(self, jobs: int) -> None:
        """Prepare for this many jobs, so that no training run has to wait."""
        ...

    def start(self, job: Job) -> None:
        """Start a job, or resume it."""
        ...

    def wait(self, seconds: float | None) -> Trial | None:
        """The trial of the next job to end; None if none did within about this many seconds.

        Raises:
            KeyboardInterrupt: a job was interrupted.
        """
        ...

    def close(self) -> None:
        """Stop all running jobs, with a checkpoint if time permits; may be called again."""
        ...


def choose_runner(
    setup: Setup, out: Path, progress: SearchProgress, workers: int | None, ray: str | None
) -> Runner:
    """Choose a runner: in this process, in several, or on a Ray cluster.

    Raises:
        LaminaError: Ray or its cluster is unavailable, or the task cannot be sent to another
            process.
    """
    if ray is not None:
        from lamina.depth.run.runners.cluster import Cluster

        return Cluster(setup, out, progress, ray, workers)
    if workers is None or workers == 1:
        return Serial(setup, out, progress)
    return Processes(setup, out, progress, workers)


__all__ = ["Processes", "Runner", "Serial", "choose_runner"]
