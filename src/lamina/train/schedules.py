"""Learning rate schedules: the factor on the learning rate at each step.

Every schedule is multiplied by a linear warm-up, ``min(1, (step + 1) / warmup_steps)``
(Goyal et al. 2017, section 2.2). A schedule's state is plain JSON.
"""

from __future__ import annotations

import math

import msgspec

from lamina.options import Tally
from lamina.train.settings import Settings


def exponential(epoch: int, decay: float) -> float:
    """``decay ** epoch``: one decay per epoch, counted from 0."""
    return decay**epoch


def cosine(progress: float) -> float:
    """``(1 + cos(pi * progress)) / 2``, from 1 at the start to 0 at the end of training.

    ``progress`` is the share of training that is done (Loshchilov and Hutter 2017, eq. 5,
    without restarts).
    """
    return (1.0 + math.cos(math.pi * min(progress, 1.0))) / 2.0


def warmup(step: int, steps: int) -> float:
    """``min(1, (step + 1) / steps)``; 1 if ``steps`` is 0."""
    return min(1.0, (step + 1) / steps) if steps else 1.0


class Schedule(msgspec.Struct):
    """The learning rate at each step; its fields are the state that a checkpoint saves.

    Attributes:
        factor: The factor that ``plateau`` has decayed to.
        waited: Evaluations in a row without improvement since the last decay.
    """

    factor: float = 1.0
    waited: Tally = 0

    def rate(self, settings: Settings, step: int, epoch: int, share: float) -> float:
        """The learning rate of ``step``, which is in ``epoch``, of which ``share`` is done."""
        if settings.schedule == "exponential":
            factor = exponential(epoch, settings.decay_factor)
        elif settings.schedule == "cosine":
            factor = cosine((epoch + share) / settings.epochs)
        else:
            factor = self.factor
        return settings.learning_rate * factor * warmup(step, settings.warmup_steps)

    def evaluated(self, settings: Settings, improved: bool) -> None:
        """Record an evaluation. ``plateau`` decays after more than ``plateau_patience``
        evaluations in a row without improvement, and starts counting again."""
        self.waited = 0 if improved else self.waited + 1
        if settings.schedule == "plateau" and self.waited > settings.plateau_patience:
            self.factor *= settings.decay_factor
            self.waited = 0
