"""Who runs what: the jobs that are taken, and what came of those that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from lamina.depth.job import Job
from lamina.depth.trials import Trial


class Ledger(Protocol):
    """Shared by all that work on a search."""

    def finished(self, jobs: Iterable[Job]) -> list[Trial]:
        """What came of those of ``jobs`` that have ended, here or elsewhere."""
        ...

    def known(self, jobs: Iterable[Job]) -> list[Trial]:
        """The same, of those alone that were entered by who ran them."""
        ...

    def claim(self, job: Job) -> bool:
        """Take a job; False where somebody else has it. Of several that try, one succeeds."""
        ...

    def finish(self, trial: Trial) -> Trial:
        """The job that was claimed has ended. Returns the trial that counts for all: another one
        where the job was taken over and ended elsewhere meanwhile."""
        ...

    def release(self, job: Job) -> None:
        """The job that was claimed is not run after all."""
        ...

    def agreed(self) -> Mapping[str, Any]:
        """All that was agreed on, by name."""
        ...

    def agree(self, name: str, make: Callable[[], Any]) -> Any:
        """A JSON value that is the same for all: made by the first who asks for it."""
        ...
