"""Handing over the model of a search: the search's folder becomes the winner's run folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lamina.depth.candidates import Candidate
from lamina.depth.decision import Decision
from lamina.depth.trials import Trial, build, trial_folder
from lamina.spec import LaminaError, Metric, Task
from lamina.store import RunFolder
from lamina.store.atomic import write_bytes
from lamina.train import Settings, evaluate


def winner(decision: Decision, trials: Iterable[Trial], metric: Metric) -> Trial | None:
    """The best seed, by validation, of the depth to use (undecided: the shallowest open one)."""
    fit = [trial for trial in trials if trial.depth == decision.shown and not trial.diverged]
    return max(fit, key=lambda trial: trial.utility(metric), default=None)


def present(
    best: Trial,
    folder: Path,
    task: Task,
    settings: Settings,
    options: Any,
    changes: dict[str, Any],
    candidates: Iterable[Candidate],
) -> float | None:
    """Copy the run of ``best`` into ``folder``; return its value on the test part, None where
    the data has none."""
    run = RunFolder.open(trial_folder(folder, best.depth, best.seed))
    _, assets, tensors = run.load_model_files()
    # The configuration last: until it is there, the folder is not taken for a whole run.
    beside = [run.path / name for name in assets]
    for file in (*beside, run.weights_file, run.history_file, run.result_file, run.config_file):
        write_bytes(folder / file.name, file.read_bytes())
    try:
        if not len(task.batches("test")):
            return None
    except LaminaError:
        return None
    width = next(candidate.width for candidate in candidates if candidate.depth == best.depth)
    model = build(task, options, changes, best.depth, width)
    model.load_state_dict(tensors)
    model.to(settings.choose_device())
    return evaluate(model, task, "test")[task.metric.name]
