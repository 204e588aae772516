"""A training run as a value, and its results."""

from __future__ import annotations

import functools
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from lamina.spec import Task
from lamina.store import RunFolder
from lamina.tasks import TASKS
from lamina.train import Diverged, Silent, evaluate, fit


@dataclass(frozen=True)
class Training:
    """Everything that determines a training run; one thread. Values are JSON.

    task: a name of :data:`lamina.tasks.TASKS`. data: its fields, ``source`` among them. model: the
    options of its network. settings: of training. seed: of the weights, the order of the batches,
    and dropout.
    """

    task: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def arguments(self) -> dict[str, Any]:
        """For :func:`train`."""
        return json.loads(json.dumps(asdict(self)))


@dataclass(frozen=True)
class Record:
    """The results of a training run.

    value: the best validation value of the task's metric, None where it diverged. test: the
    metrics on the test set with the weights of the best epoch; empty where it diverged. history:
    a line an evaluation, as in ``history.jsonl``. seconds: of training. step_ms: median of a step.
    """

    parameters: int
    metric: str
    value: float | None
    best_epoch: int
    epochs: int
    steps: int
    seconds: float
    step_ms: float
    test: Mapping[str, float]
    history: tuple[Mapping[str, Any], ...]

    @property
    def tested(self) -> float:
        """The task's metric on the test set; NaN if training diverged."""
        return self.test.get(self.metric, math.nan)

    @property
    def validated(self) -> float:
        """The best validation value; NaN if training diverged."""
        return math.nan if self.value is None else self.value

    def curve(self, name: str = "") -> list[float]:
        """Of each evaluation, a field of the history; by default the validation metric."""
        name = name or f"validation_{self.metric}"
        return [line[name] for line in self.history if line.get(name) is not None]


@functools.lru_cache(maxsize=2)
def _task(name: str, fields: str) -> Task:
    values = json.loads(fields)
    return TASKS[name](values.pop("source"), **values)


def open_task(name: str, data: Mapping[str, Any]) -> Task:
    """The task with this data; the last two are kept in memory."""
    return _task(name, json.dumps(data, sort_keys=True))


def train(
    *,
    folder: Path,
    task: str,
    data: Mapping[str, Any],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Train, or go on where the run in ``folder`` was stopped; the fields of a :class:`Record`.
    The run is removed at the end: the weights of thousands of runs fill a disk."""
    found, _ = _trained(folder, Training(task, data, model, settings, seed))
    return found


def train_and_score(
    *, folder: Path, elsewhere: Mapping[str, Mapping[str, Any]], **training: Any
) -> dict[str, Any]:
    """As :func:`train`, and ``elsewhere``: the metrics on other test files by the names given to
    them, each with the fields of its data. Empty where training diverged."""
    given = Training(**training)
    found, network = _trained(folder, given)
    scores: dict[str, dict[str, float]] = {}
    if found["value"] is not None:
        for name, fields in elsewhere.items():
            values = dict(fields)
            other = TASKS[given.task].for_model(network, values.pop("source"), **values)
            scores[name] = evaluate(network, other, "test")
    return {**found, "elsewhere": scores}


def build(given: Training) -> tuple[Task, Any]:
    """Its task, and its network with the weights that the seed draws."""
    opened: Any = open_task(given.task, given.data)
    torch.manual_seed(given.seed)
    # JSON has no tuples, and widths are one where layers differ.
    shape = {k: tuple(v) if isinstance(v, list) else v for k, v in given.model.items()}
    return opened, opened.model(**shape)


def _trained(folder: Path, given: Training) -> tuple[dict[str, Any], Any]:
    """The fields of a record, and the network with the weights of its best epoch."""
    opened, network = build(given)
    test: dict[str, float] = {}
    try:
        result = fit(
            network, opened, out=folder, resume=True, progress=Silent(),
            seed=given.seed, **{"threads": 1, **given.settings},
        )  # fmt: skip
        if len(opened.batches("test")):
            test = evaluate(network, opened, "test")
    except Diverged as diverged:  # a result, not a gap
        result = diverged.result
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    metric = opened.metric.name
    found = {
        "parameters": result.parameters,
        "metric": metric,
        "value": None if result.stopped == "diverged" else result.best.get(metric),
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "steps": result.steps,
        "seconds": result.seconds,
        "step_ms": result.step_ms,
        "test": test,
        "history": RunFolder.open(folder).history(),
    }
    shutil.rmtree(folder)
    return found, network


def record(values: Mapping[str, Any]) -> Record:
    """From what :func:`train` gave."""
    return Record(**{**values, "history": tuple(values["history"])})
