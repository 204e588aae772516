"""One depth, trained as by ``lamina train``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds.base import Kind
from lamina.depth.trials import Trial
from lamina.spec import Metric, Model, Task
from lamina.store import RunFolder
from lamina.train import Diverged, Progress, Result, fit


def run(job: Job, setup: Setup, folder: Path, progress: Progress) -> Trial:
    """Train, or resume the run in ``folder`` from the job's last checkpoint or pause.

    Raises:
        KeyboardInterrupt: the training run was interrupted.
    """
    torch.manual_seed(job.seed)
    result = trained(job, setup.model(job), setup.task, setup, folder, progress)
    return trial_of(job, RunFolder.open(folder).history(), result, setup.task.metric)


def trained(
    job: Job, model: Model, task: Task, setup: Setup, folder: Path, progress: Progress
) -> Result:
    """The result of training ``model`` on ``task`` in ``folder`` with the job's settings, up to its
    pause; returned at once if the run has ended, even if it diverged.

    Raises:
        KeyboardInterrupt: the training run was interrupted.
    """
    settings = setup.settings_of(job)
    try:
        result = fit(
            model, task, settings, out=folder, progress=progress, resume=True, until=job.epochs
        )
    except Diverged as diverged:  # a result, not a gap
        result = diverged.result
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    return result


def trial_of(
    job: Job,
    history: list[dict[str, Any]],
    result: Result,
    metric: Metric,
    mark: str = "",
) -> Trial:
    """The result of a training run up to the job's pause, which is the first evaluation at or after
    its epoch; the run itself may have continued since.

    ``mark`` is the suffix of the metric's name in the history if there are several.
    """
    name = f"validation_{metric.name}{mark}"
    behind = [line["epoch"] for line in history if line["epoch"] >= (job.epochs or math.inf)]
    pause = min(behind, default=math.inf)
    lines = [line for line in history if line["epoch"] <= pause]
    curve = [(line["epoch"], line[name]) for line in lines if line.get(name) is not None]
    # A run that diverged after the pause had not diverged by then.
    ended = len(lines) == len(history)
    diverged = not curve or (ended and result.stopped == "diverged")
    best_epoch, value = (0, None)
    for epoch, point in curve:
        if math.isfinite(point) and (value is None or metric.better(point, value)):
            best_epoch, value = epoch, point
    return Trial(
        job,
        result.parameters,
        None if diverged else value,
        best_epoch,
        result.epochs if ended else lines[-1]["epoch"],
        result.steps if ended else lines[-1]["step"],
        result.seconds if ended else lines[-1]["seconds"],
        result.tokens_per_second,
        result.step_ms,
        tuple(curve),
    )


TRAIN = Kind("train", "{}, alone", run)
