"""The ledger: which jobs are claimed, and the results of those that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from lamina.depth.job import Job
from lamina.depth.trials import Trial


class Ledger(Protocol):
    """Shared by all processes that work on a search."""

    def finished(self, jobs: Iterable[Job]) -> list[Trial]:
        """The trials of those of ``jobs`` that have ended, here or elsewhere."""
        ...

    def known(self, jobs: Iterable[Job]) -> list[Trial]:
        """The same, limited to trials that their own runner has recorded."""
        ...

    def claim(self, job: Job) -> bool:
        """Claim a job; False if another process has it. If several try at once, one succeeds."""
        ...

    def finish(self, trial: Trial) -> Trial:
        """Record the trial of a claimed job. Returns the trial that counts for everyone, which is
        another one if the job was taken over and finished elsewhere in the meantime."""
        ...

    def release(self, job: Job) -> None:
        """Give up a claimed job without running it."""
        ...

    def agreed(self) -> Mapping[str, Any]:
        """All agreed values, by name."""
        ...

    def agree(self, name: str, make: Callable[[], Any]) -> Any:
        """A JSON value that is the same for all processes: made by the first that needs it."""
        ...
