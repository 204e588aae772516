"""Losses on the training and the validation set during training, both without dropout."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamina.spec import Model, Task
from lamina.train import Diverged, Silent, evaluate, fit
from measured.training import Training, build


@dataclass
class _Watch(Silent):
    model: Model
    task: Task
    steps: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def evaluated(self, line: Mapping[str, Any], best: bool) -> None:
        self.steps.append(line["step"])
        self.train.append(evaluate(self.model, self.task, "train")["loss"])
        self.validation.append(line["validation_loss"])


def watch(
    *,
    folder: Path,
    task: str,
    data: Mapping[str, Any],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Train, and keep the fields of :class:`Curve` and the ``seconds``. What is stopped begins
    anew. Where training diverges, the curve ends."""
    opened, network = build(Training(task, data, model, settings, seed))
    watching, begin = _Watch(network, opened), time.perf_counter()
    try:
        result = fit(network, opened, progress=watching, seed=seed, **{"threads": 1, **settings})
    except Diverged as diverged:
        result = diverged.result
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    return {
        "parameters": result.parameters,
        "steps": watching.steps,
        "train": watching.train,
        "validation": watching.validation,
        "seconds": time.perf_counter() - begin,
    }


@dataclass(frozen=True)
class Curve:
    """At each evaluation, the steps so far, and losses in nats on the training and the validation
    part."""

    steps: tuple[int, ...]
    train: tuple[float, ...]
    validation: tuple[float, ...]

    @property
    def best(self) -> int:
        """The number of the evaluation with the least validation loss."""
        return int(np.argmin(self.validation))

    @property
    def ends_best(self) -> bool:
        """Whether validation loss was still falling: where it would turn is not seen."""
        return self.best == len(self.steps) - 1

    @property
    def gap(self) -> float:
        """By how much validation loss is above training loss where the former is least."""
        return self.validation[self.best] - self.train[self.best]

    @property
    def overtrained(self) -> float:
        """By how much validation loss at the end is above its least."""
        return self.validation[-1] - self.validation[self.best]

    def validation_at(self, train: float) -> float:
        """Validation loss where training loss first falls to ``train``, which it must reach;
        between evaluations, along a straight line."""
        k = next(k for k, loss in enumerate(self.train) if loss <= train)
        if k == 0:
            return self.validation[0]
        share = (self.train[k - 1] - train) / (self.train[k - 1] - self.train[k])
        return self.validation[k - 1] + share * (self.validation[k] - self.validation[k - 1])
