"""Where jobs run."""

from __future__ import annotations

from typing import Protocol

from lamina.depth.job import Job
from lamina.depth.runners.serial import Serial
from lamina.depth.trials import Trial


class Runner(Protocol):
    """Runs up to ``size`` jobs side by side.

    running: the jobs that were started and have not been given back.
    """

    size: int
    running: list[Job]

    def start(self, job: Job) -> None:
        """Begin a job, or go on with it where it was left."""
        ...

    def wait(self) -> Trial:
        """What came of the next job to end. Raises KeyboardInterrupt where one was interrupted."""
        ...

    def close(self) -> None:
        """Stop what runs; called once, in every case."""
        ...


__all__ = ["Runner", "Serial"]
