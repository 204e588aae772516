"""Scoring a model on one part of the data."""

from __future__ import annotations

import torch

from lamina.options import refuse
from lamina.spec import ChecksModels, LaminaError, Model, Part, State, Task
from lamina.train.given import check_model, check_task
from lamina.train.meter import added

#: Steps whose sums are added in the device's own precision before they join the float64 total.
CHUNK = 64


def evaluate(
    model: Model, task: Task, part: Part = "validation", device: torch.device | str | None = None
) -> dict[str, float]:
    """Score ``model`` on one part of the data, with dropout off.

    A stream's state is carried from batch to batch.

    Args:
        model: The model.
        task: The task, which has the data and the metrics.
        part: ``"train"``, ``"validation"`` or ``"test"``.
        device: Where the model is; ``None`` means where its parameters are.

    Returns:
        The metrics by name: always ``"loss"`` and the task's metric.

    Raises:
        LaminaError: The part is empty, or the model was made for other data.
    """
    check_model(model)
    check_task(task)
    refuse("part", part, Part)
    check(model, task)
    return score(model, task, part, device)


def check(model: Model, task: Task) -> None:
    """Refuse a model that was made for other data than the task's, where the task can tell.

    Raises:
        LaminaError: with the first thing that differs.
    """
    if isinstance(task, ChecksModels):  # its comparison takes no memory and draws nothing
        with torch.random.fork_rng(devices=()), torch.device("meta"):
            task.check_model(model)


def score(
    model: Model, task: Task, part: Part = "validation", device: torch.device | str | None = None
) -> dict[str, float]:
    """:func:`evaluate` for a model that is known to be the task's own."""
    device = device or next(model.parameters()).device
    batches = task.batches(part)
    if not len(batches):
        raise LaminaError(f"the {part} part has no batches; there is nothing to evaluate on")
    with model.evaluating():
        state: State | None = None
        sums: dict[str, float] = {}
        pending: dict[str, torch.Tensor] = {}
        count = 0
        for k in range(len(batches)):
            batch = batches[k].to(device)
            step = task.step(model, batch, None if batch.fresh else state)
            state = step.state
            pending = added(pending, step.sums)
            count += step.count
            if (k + 1) % CHUNK == 0 or k + 1 == len(batches):
                for name, value in pending.items():
                    sums[name] = sums.get(name, 0.0) + float(value)
                pending = {}
    return task.summary(sums, count)
