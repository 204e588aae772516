"""Handing over the model: the search's folder becomes the winner's run folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import run_job
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial, run_folder
from lamina.spec import LaminaError, Metric
from lamina.store import RunFolder
from lamina.store.atomic import write_bytes
from lamina.store.regular import read_regular
from lamina.train import Silent, evaluate


def hand_over(
    depth: int | None,
    trials: Iterable[Trial],
    setup: Setup,
    folder: Path,
    progress: SearchProgress,
) -> tuple[Trial | None, float | None]:
    """Make the search's folder the run folder of the best complete trial of ``depth``.

    If there is none, or its run is on another machine, one is trained first.

    Returns:
        The trial, and its value on the test part; None for whatever does not exist.
    """
    if depth is None:
        return None, None
    best = winner(depth, trials, setup.task.metric)
    if best is None:
        alone = Job(depth=depth, seed=0)
        progress.note(f"training {alone} to hand it over")
        best = run_job(alone, setup, folder, Silent())
        if best.diverged:
            return None, None
    elif RunFolder(run_folder(folder, best.job)).result() is None:
        progress.note(f"{best.job} was trained elsewhere; training it here too, to hand it over")
        if run_job(best.job, setup, folder, Silent()).diverged:
            return None, None
    return best, present(best, folder, setup)


def winner(depth: int | None, trials: Iterable[Trial], metric: Metric) -> Trial | None:
    """The best seed, by validation, among the complete trials of a depth."""
    fit = [trial for trial in trials if trial.depth == depth and trial.whole and not trial.diverged]
    return max(fit, key=lambda trial: trial.utility(metric), default=None)


def present(best: Trial, folder: Path, setup: Setup) -> float | None:
    """Copy the run of ``best`` into ``folder``; return its value on the test part, None if the data
    has none."""
    run = RunFolder.open(run_folder(folder, best.job))
    _, assets = run.load_assets()
    # The configuration last: without it, the folder does not count as a complete run.
    beside = [run.path / name for name in assets]
    for file in (*beside, run.weights_file, run.history_file, run.result_file, run.config_file):
        write_bytes(folder / file.name, read_regular(file))
    task = setup.task
    try:
        if not len(task.batches("test")):
            return None
    except LaminaError:
        return None
    model = setup.model(best.job)
    run.load_weights(model)
    model.to(setup.settings.choose_device())
    return evaluate(model, task, "test")[task.metric.name]
