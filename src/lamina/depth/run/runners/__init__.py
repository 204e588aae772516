"""Where jobs run."""

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

    threads: CPU threads of a job; None: as torch is set here.
    running: the jobs that were started and have not been given back.
    """

    size: int
    threads: int | None
    running: list[Job]

    def prepare(self, jobs: int) -> None:
        """Get ready for so many jobs, so that no training waits for that."""
        ...

    def start(self, job: Job) -> None:
        """Begin a job, or go on with it where it was left."""
        ...

    def wait(self, seconds: float | None) -> Trial | None:
        """What came of the next job to end; None where none did in about so many seconds. Raises
        KeyboardInterrupt where one was interrupted."""
        ...

    def close(self) -> None:
        """Stop what runs, with a checkpoint where there is time; may be called again."""
        ...


def choose_runner(
    setup: Setup, out: Path, progress: SearchProgress, workers: int | None, ray: str | None
) -> Runner:
    """In this process, in several, or on a Ray cluster.

    Raises LaminaError where Ray or its cluster is not there, or the task cannot travel.
    """
    if ray is not None:
        from lamina.depth.run.runners.cluster import Cluster

        return Cluster(setup, out, progress, ray, workers)
    if workers is None or workers == 1:
        return Serial(setup, out, progress)
    return Processes(setup, out, progress, workers)


__all__ = ["Processes", "Runner", "Serial", "choose_runner"]
