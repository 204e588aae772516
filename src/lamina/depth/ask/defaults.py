"""How a search trains where it is not told: long enough to tell depths apart, and no longer."""

from __future__ import annotations

from typing import Any

from lamina.spec import Task
from lamina.train import Settings

#: Steps of training that a trial gets, about, and the fewest and the most epochs.
STEPS, EPOCHS = 3000, (4, 30)


def settings_for(task: Task, **given: Any) -> Settings:
    """Settings with these fields ``given``; for those that are not:

    epochs:   as many as make about :data:`STEPS` steps, within :data:`EPOCHS`: what a network has
              learned follows from its steps, and an epoch of a large data set has many.
    schedule: ``cosine``. At its end the learning rate is small, so that two trainings of a network
              differ less than where their last steps were as large as the first: fewer seeds then
              tell depths apart. None of it depends on the machine, nor on the depth.

    Raises LaminaError for what makes no sense.
    """
    fewest, most = EPOCHS
    steps = max(len(task.batches("train")), 1)
    epochs = min(max(round(STEPS / steps), fewest), most)
    return Settings().changed(**{"epochs": epochs, "schedule": "cosine", **given})
