"""What all training runs of a search share: data, model options, settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.depth.ask.candidates import Candidate
from lamina.depth.job import Job
from lamina.options import as_stored
from lamina.spec import Model, Task
from lamina.train import Settings

#: Approximate training steps of a trial, and the minimum and maximum number of epochs.
STEPS, EPOCHS = 3000, (4, 30)


@dataclass(frozen=True)
class Setup:
    """The task, the candidates, and the configuration that a job may change.

    Attributes:
        settings: of every training run; the seed comes from the job.
        options, changes: of ``task.model``; depth and width come from the candidate.
    """

    task: Task
    candidates: tuple[Candidate, ...]
    settings: Settings
    options: Any
    changes: Mapping[str, Any]

    def candidate(self, depth: int) -> Candidate:
        """The network of this depth.

        Raises:
            KeyError: the search does not include it.
        """
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
        # What has no effect was refused when the search was asked, or belongs to what it varies.
        with as_stored():
            return self.task.model(self.options, **{**self.changes, **shape})

    def settings_of(self, job: Job) -> Settings:
        """The training settings of the job."""
        own = {k: v for k, v in job.changes if k in Settings.__struct_fields__}
        return self.settings.changed(seed=job.seed, **own)


def settings_for(task: Task, **given: Any) -> Settings:
    """The default settings of a search: long enough to distinguish depths, and no longer. The
    choice depends neither on the machine nor on the depth.

    Args:
        task: its training part determines the number of epochs: as many as make about :data:`STEPS`
            steps, within :data:`EPOCHS`, because learning depends on the number of steps, and an
            epoch of a large data set has many.
        **given: fields of the settings that override the defaults. The default schedule is
            ``cosine``: a small final learning rate makes runs of the same network differ less, so
            fewer seeds suffice to distinguish depths.

    Raises:
        LaminaError: a field has an invalid value.
    """
    fewest, most = EPOCHS
    steps = max(len(task.batches("train")), 1)
    epochs = min(max(round(STEPS / steps), fewest), most)
    return Settings().changed(**{"epochs": epochs, "schedule": "cosine", **given})
