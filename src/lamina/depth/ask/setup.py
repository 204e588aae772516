"""What all training runs of a search share: the data, the model's options, how to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.depth.ask.candidates import Candidate
from lamina.depth.job import Job
from lamina.spec import Model, Task
from lamina.train import Settings

#: Training steps of a trial, about, and the fewest and the most epochs.
STEPS, EPOCHS = 3000, (4, 30)


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


def settings_for(task: Task, **given: Any) -> Settings:
    """How a search trains if nobody says: long enough to tell depths apart, and no longer. The
    choice depends neither on the machine nor on the depth.

    Args:
        task: its training part sets the number of epochs: as many as make about :data:`STEPS`
            steps, within :data:`EPOCHS`, because what a network has learned depends on its steps,
            and an epoch of a large data set has many.
        **given: fields of the settings to use instead. The default schedule is ``cosine``: a
            learning rate that is small at the end makes runs of the same network differ less, so
            fewer seeds tell depths apart.

    Raises:
        LaminaError: a field that makes no sense.
    """
    fewest, most = EPOCHS
    steps = max(len(task.batches("train")), 1)
    epochs = min(max(round(STEPS / steps), fewest), most)
    return Settings().changed(**{"epochs": epochs, "schedule": "cosine", **given})
