"""The interface of a kind of training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.trials import Trial
from lamina.train import Progress

#: Seconds of an epoch, by depth.
Seconds = Mapping[int, float]


def any_network(job: Job, setup: Setup) -> None:
    """A check that accepts every network."""


def one_depth(depth: int, epoch: Seconds, evaluation: Seconds) -> float:
    """Seconds of an epoch of a run that trains one depth alone; 0 if unknown."""
    return epoch.get(depth, 0.0)


@dataclass(frozen=True)
class Kind:
    """A way to make a training run, with everything a search needs to know about it.

    A strategy asks for it with ``Job(kind=...)``. A verdict is drawn from runs of kind ``"train"``
    unless the strategy overrides ``judged``.

    Attributes:
        name: as in :attr:`lamina.depth.job.Job.kind`.
        title: the name of such a run in the report; ``{}`` is replaced by its layers.
        run: trains a job in a folder, or resumes it there. Raises KeyboardInterrupt if interrupted.
        check: builds what a job needs. Raises LaminaError if the networks are unsuitable.
        epoch: seconds of an epoch of a job, from its depth and, by depth, the seconds of an epoch
            trained alone and of the evaluation in it.
        purpose: the purpose of such runs if the verdict does not use them.
    """

    name: str
    title: str
    run: Callable[[Job, Setup, Path, Progress], Trial]
    check: Callable[[Job, Setup], object] = any_network
    epoch: Callable[[int, Seconds, Seconds], float] = one_depth
    purpose: str = "comparison"
