"""One trial of a search: one depth trained with one seed, in a run folder of its own."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct

from lamina.depth.candidates import Candidate, Width
from lamina.spec import LaminaError, Metric, Model, Task
from lamina.store import RunFolder
from lamina.train import Diverged, Progress, Settings, fit


class Trial(Struct, frozen=True):
    """What one training of a search gave.

    value: the best validation value of the task's metric, None where training diverged.
    step_ms, tokens_per_second, seconds: as they were when it ran; to compare depths see
        :class:`lamina.depth.measure.Cost`.
    curve: (epoch, validation value) of each evaluation.
    """

    depth: int
    seed: int
    parameters: int
    value: float | None
    best_epoch: int
    epochs: int
    steps: int
    seconds: float
    tokens_per_second: float
    step_ms: float
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def diverged(self) -> bool:
        """Whether training broke off, or ended without a finite score."""
        return self.value is None

    def utility(self, metric: Metric) -> float:
        """The score on the scale of gains; not-a-number where training diverged."""
        return math.nan if self.value is None else metric.utility(self.value)


def order(candidates: Iterable[Candidate], seeds: int) -> Iterator[tuple[Candidate, int]]:
    """All depths with the first seed, then all with the second: an early look is fair."""
    candidates = tuple(candidates)
    return ((candidate, seed) for seed in range(seeds) for candidate in candidates)


def trial_folder(out: Path, depth: int, seed: int) -> Path:
    """Where the run of a trial is kept."""
    return out / "trials" / f"depth-{depth}-seed-{seed}"


def build(task: Task, options: Any, changes: dict[str, Any], depth: int, width: Width) -> Model:
    """The model of one depth, initialised from torch's global generator."""
    return task.model(options, **{**changes, "depth": depth, "width": width})


def finished(folder: Path, candidate: Candidate, seed: int, metric: Metric) -> Trial | None:
    """The trial in ``folder``, where it has ended; None where it has not, or is not there.

    Raises LaminaError for a trial with another seed or size.
    """
    if not RunFolder.is_run(folder):
        return None
    run = RunFolder.open(folder)
    result = run.result()
    if result is None or result["stopped"] == "interrupted":
        return None
    of = run.config().get("training", {}).get("seed"), result.get("parameters")
    if of != (seed, candidate.parameters):
        raise LaminaError(
            f"is a trial of another search: it has seed {of[0]} and {of[1]} parameters; need "
            f"{seed} and {candidate.parameters}. Take it away.",
            place=str(folder),
        )
    value = None if result["stopped"] == "diverged" else _finite(result["best"].get(metric.name))
    curve = (
        (line["epoch"], _finite(line.get(f"validation_{metric.name}"))) for line in run.history()
    )
    return Trial(
        candidate.depth,
        seed,
        result["parameters"],
        value,
        result["best_epoch"],
        result["epochs"],
        result["steps"],
        result["seconds"],
        result["tokens_per_second"],
        result["step_ms"],
        tuple((epoch, point) for epoch, point in curve if point is not None),
    )


def run_trial(
    task: Task,
    candidate: Candidate,
    seed: int,
    folder: Path,
    *,
    settings: Settings,
    options: Any,
    changes: dict[str, Any],
    progress: Progress,
) -> Trial:
    """Train one trial, or go on where it was left.

    The seed changes the initial weights, the order of the data and dropout; the split of the data
    belongs to the task and stays. Raises KeyboardInterrupt where the training was interrupted.
    """
    torch.manual_seed(seed)
    model = build(task, options, changes, candidate.depth, candidate.width)
    with contextlib.suppress(Diverged):  # a result, not a gap: the run folder says so
        fit(model, task, settings.changed(seed=seed), out=folder, progress=progress, resume=True)
    trial = finished(folder, candidate, seed, task.metric)
    if trial is None:
        raise KeyboardInterrupt
    return trial


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
