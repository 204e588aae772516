"""Jobs whose process died: run again, a few times."""

from __future__ import annotations

from collections import Counter

from lamina.depth.job import Job
from lamina.depth.tell.progress import SearchProgress
from lamina.spec import LaminaError

#: Times that a job may be begun.
ATTEMPTS = 3


class Attempts:
    """Counts, and says what happens."""

    def __init__(self, progress: SearchProgress):
        self.progress = progress
        self.deaths: Counter[str] = Counter()

    def died(self, job: Job, how: str) -> None:
        """The process of ``job`` died. Returns where it is to run again; raises LaminaError where
        it has died often enough."""
        self.deaths[job.key] += 1
        count = self.deaths[job.key]
        if count >= ATTEMPTS:
            raise LaminaError(
                f"{job}: its process died {count} times ({how}). Often the memory is not enough:"
                " use fewer workers, a smaller batch_size or a smaller width."
            )
        self.progress.note(f"{job}: its process died ({how}); it runs again from its checkpoint")
