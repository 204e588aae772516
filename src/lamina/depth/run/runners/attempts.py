"""Jobs whose process died are retried a few times."""

from __future__ import annotations

from collections import Counter

from lamina.depth.job import Job
from lamina.depth.tell.progress import SearchProgress
from lamina.spec import LaminaError

#: How often a job may be started.
ATTEMPTS = 3


class Attempts:
    """Counts the attempts, and reports each retry."""

    def __init__(self, progress: SearchProgress):
        self.progress = progress
        self.deaths: Counter[str] = Counter()

    def died(self, job: Job, how: str) -> None:
        """Record that the process of ``job`` died. Returns if it should run again.

        Raises:
            LaminaError: it has died too often.
        """
        self.deaths[job.key] += 1
        count = self.deaths[job.key]
        if count >= ATTEMPTS:
            raise LaminaError(
                f"{job}: its process died {count} times ({how}). Often the memory is not enough:"
                " use fewer workers, a smaller batch_size or a smaller width."
            )
        self.progress.note(f"{job}: its process died ({how}); restarting from its checkpoint")
