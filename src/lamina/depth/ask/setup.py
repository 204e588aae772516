"""What all trainings of a search share: the data, the model's options, how to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.depth.ask.candidates import Candidate, Width
from lamina.depth.job import Job
from lamina.spec import Model, Task
from lamina.train import Settings


@dataclass(frozen=True)
class Setup:
    """The task, the candidates, and what a job may change.

    settings: of every training; the seed is the job's.
    options, changes: of ``task.model``; depth and width are the candidate's.
    """

    task: Task
    candidates: tuple[Candidate, ...]
    settings: Settings
    options: Any
    changes: Mapping[str, Any]

    def candidate(self, depth: int) -> Candidate:
        """The network of this depth. Raises KeyError where it is none of the search's."""
        for candidate in self.candidates:
            if candidate.depth == depth:
                return candidate
        raise KeyError(depth)

    def model(self, job: Job, depth: int | None = None) -> Model:
        """The job's network (or that of another depth with the job's changes), initialised from
        torch's global generator."""
        depth = job.depth if depth is None else depth
        own = {k: v for k, v in job.changes if k not in Settings.__struct_fields__}
        shape = {"depth": depth, "width": self.candidate(depth).width, **own}
        return self.task.model(self.options, **{**self.changes, **shape})

    def settings_of(self, job: Job) -> Settings:
        """How the job trains."""
        own = {k: v for k, v in job.changes if k in Settings.__struct_fields__}
        return self.settings.changed(seed=job.seed, **own)


def build(task: Task, options: Any, changes: Mapping[str, Any], depth: int, width: Width) -> Model:
    """The model of one depth, initialised from torch's global generator."""
    return task.model(options, **{**changes, "depth": depth, "width": width})
