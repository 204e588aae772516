"""What a kind of training run is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.trials import Trial
from lamina.train import Progress

#: Seconds of an epoch by depth.
Seconds = Mapping[int, float]


def any_network(job: Job, setup: Setup) -> None:
    """Every network can be trained so."""


def one_depth(depth: int, epoch: Seconds, evaluation: Seconds) -> float:
    """Seconds of an epoch of a run that trains one depth alone; 0 if unknown."""
    return epoch.get(depth, 0.0)


@dataclass(frozen=True)
class Kind:
    """A way to make a training run, and all that a search knows about it.

    A strategy asks for it with ``Job(kind=...)``. A verdict is drawn from runs of kind ``"train"``
    unless the strategy overrides ``judged``.

    Attributes:
        name: as in :attr:`lamina.depth.job.Job.kind`.
        title: what the report calls such a run; ``{}`` stands for its layers.
        run: trains a job in a folder, or resumes it there. Raises KeyboardInterrupt if it was
            interrupted.
        check: builds what a job needs. Raises LaminaError if the networks are not fit for it.
        epoch: seconds of an epoch of a job, from its depth and, by depth, the seconds of an epoch
            trained alone and of the evaluation in it.
        purpose: what such runs are for if the verdict is not drawn from them.
    """

    name: str
    title: str
    run: Callable[[Job, Setup, Path, Progress], Trial]
    check: Callable[[Job, Setup], object] = any_network
    epoch: Callable[[int, Seconds, Seconds], float] = one_depth
    purpose: str = "comparison"
