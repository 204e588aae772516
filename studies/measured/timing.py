"""Training steps timed side by side: networks take turns in one process, round after round.

What is measured is the processor's time. With one thread and nothing else to do that is the time
that passes, and on a machine with other work it hardly changes, while the time that passes then
says how long a step waited for its turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lamina.depth.ask.measure import StepTimer
from lamina.spec import Batch, Task
from lamina.train import Settings
from lamina.train.session import cpu_threads
from measured.lab import Lab
from measured.training import open_task

K = TypeVar("K")
#: Training batches looked at to find one of typical length.
SAMPLE = 64
#: Networks to be timed: ``data`` and ``model``, as for a training run.
Shapes = Sequence[Mapping[str, Any]]


def rounds(
    lab: Lab, task: str, groups: Mapping[K, Shapes], turns: int
) -> dict[K, list[list[float]]]:
    """CPU milliseconds that a training step of each shape of each group takes: a
    median for each round.

    There are as many rounds as seeds, and each goes through all groups before the next begins:
    what else the machine does falls on all alike. In a round each group begins anew, alone, on one
    thread; its shapes take turns, ``turns`` steps after one that is not counted.
    """
    turns = 1 if lab.quick else turns
    found: dict[K, list[list[float]]] = {
        key: [[] for _ in shapes] for key, shapes in groups.items()
    }
    for number in lab.seeds:
        for key, shapes in groups.items():
            given = {"task": task, "shapes": list(shapes), "turns": turns, "round": number}
            medians = lab.alone("steps timed", step_ms, **given)["ms"]
            for times, median in zip(found[key], medians, strict=True):
                times.append(median)
    return found


def step_ms(*, folder: Path, task: str, shapes: Shapes, turns: int, round: int) -> dict[str, Any]:
    """The medians of one round, in milliseconds of the processor. Forward and backward pass,
    clipping and Adam on one batch."""
    del folder, round  # nothing is written; rounds differ by nothing but their number
    opened = [open_task(task, shape["data"]) for shape in shapes]
    steppers = [
        StepTimer(one.model(**shape["model"]), one, Settings())
        for one, shape in zip(opened, shapes, strict=True)
    ]
    batches = [typical(one) for one in opened]
    times: list[list[float]] = [[] for _ in steppers]
    with cpu_threads(1):
        for turn in range(1 + turns):
            for stepper, batch, spent in zip(steppers, batches, times, strict=True):
                before = time.process_time()
                stepper.step(batch)
                if turn:
                    spent.append(1000 * (time.process_time() - before))
    return {"ms": [statistics.median(spent) for spent in times]}


def typical(task: Task) -> Batch:
    """A training batch of median length."""
    every = task.batches("train")
    sample = [every[k] for k in range(0, len(every), max(1, len(every) // SAMPLE))]
    return sorted(sample, key=lambda batch: batch.steps)[len(sample) // 2]


def quartiles(values: Sequence[float], form: str = ".1f") -> str:
    """Median and quartiles: ``12.3 (12.0 to 12.9)``."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"
