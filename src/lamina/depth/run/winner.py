"""Handing over the model of a search: the search's folder becomes the winner's run folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.trials import Trial, run_folder
from lamina.spec import LaminaError, Metric
from lamina.store import RunFolder
from lamina.store.atomic import write_bytes
from lamina.train import evaluate


def winner(depth: int | None, trials: Iterable[Trial], metric: Metric) -> Trial | None:
    """The best seed, by validation, among the whole trials of a depth."""
    fit = [trial for trial in trials if trial.depth == depth and trial.whole and not trial.diverged]
    return max(fit, key=lambda trial: trial.utility(metric), default=None)


def present(best: Trial, folder: Path, setup: Setup) -> float | None:
    """Copy the run of ``best`` into ``folder``; return its value on the test part, None where
    the data has none."""
    run = RunFolder.open(run_folder(folder, best.job))
    _, assets, tensors = run.load_model_files()
    # The configuration last: until it is there, the folder is not taken for a whole run.
    beside = [run.path / name for name in assets]
    for file in (*beside, run.weights_file, run.history_file, run.result_file, run.config_file):
        write_bytes(folder / file.name, file.read_bytes())
    task = setup.task
    try:
        if not len(task.batches("test")):
            return None
    except LaminaError:
        return None
    model = setup.model(best.job)
    model.load_state_dict(tensors)
    model.to(setup.settings.choose_device())
    return evaluate(model, task, "test")[task.metric.name]
