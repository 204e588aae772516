"""Training a model on a task."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from lamina.spec import LaminaError, Model, Task
from lamina.store import RunFolder, hold
from lamina.train import checkpoint
from lamina.train.checkpoint import Training
from lamina.train.given import check_how, check_model, check_task
from lamina.train.loop import Loop, expected_state
from lamina.train.progress import Progress, choose_progress
from lamina.train.result import Diverged, Result
from lamina.train.session import Interrupt, cpu_threads, make_optimizer, open_run
from lamina.train.settings import Settings


def fit(
    model: Model,
    task: Task,
    settings: Settings | None = None,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
    resume: bool = False,
    until: int | None = None,
    extra: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Result:
    """Train ``model`` on ``task``; afterwards it has the best weights and is in eval mode.

    The best weights are those of the evaluation with the best ``task.metric`` on the validation
    set. Without a validation set, the training metric is watched and the last weights are kept.

    The first Ctrl-C finishes the step, writes a checkpoint and returns; a second one quits at
    once. If it comes during the last evaluation, the run is completed first and then
    KeyboardInterrupt is raised.

    Args:
        model: The model to train.
        task: The task, which has the data, the loss and the metric.
        settings: How to train; ``None`` means the defaults or, for a resumed run, its own.
        out: A new folder for the run; ``None`` writes nothing.
        progress: What to show; ``None`` chooses by whether stderr is a terminal.
        resume: Continue the run in ``out`` from its last checkpoint, or start it if it never
            began. On a CPU the result is the same, bit for bit, as without the interruption; to
            this end, the number of CPU threads is set to that of the checkpoint. A run that has
            ended returns its result at once.
        until: Pause after this many epochs (at the next evaluation), with a checkpoint for
            ``resume=True``; ``None`` trains to the end.
        extra: The caller's own JSON values, stored in ``config.json``.
        **changes: Fields of the settings, by name: ``fit(model, task, epochs=6)``.

    Returns:
        The scores, the reason why training stopped, and its speed.

    Raises:
        LaminaError: Settings, folder or data cannot be used.
        Diverged: The loss or the gradient is no longer finite.
        KeyboardInterrupt: See above.
    """
    check_model(model)
    check_task(task)
    check_how(settings, out, progress, "lamina.train.Silent()")
    settings, run = open_run(model, task, settings, changes, out, resume, extra)
    with hold(run.path) if run is not None else contextlib.nullcontext():
        return _fit(model, task, settings, run, progress, until)


def _fit(
    model: Model,
    task: Task,
    settings: Settings,
    run: RunFolder | None,
    progress: Progress | None,
    until: int | None,
) -> Result:
    if run is not None:
        run.sweep()
        if (ended := run.result()) is not None:
            return _ended(run, ended, model, settings)
    device = settings.choose_device()
    model.to(device)
    training = Training(model, make_optimizer(model, settings), device)
    saved = None
    if run is not None:
        saved = checkpoint.load(run, training, partial(expected_state, task, settings, training))
    threads = saved.journal.threads if saved is not None else settings.threads
    with cpu_threads(threads), Interrupt() as interrupt:
        if saved is None:
            checkpoint.seed_everything(settings.seed)
        else:
            saved.restore(training)
        place = None if saved is None else saved.place
        loop = Loop(training, task, settings, run, progress or choose_progress(), interrupt, place)
        try:
            loop.begin()
            result = loop.train(until)
        finally:
            loop.progress.close()
    if interrupt.asked and result.stopped != "interrupted":
        raise KeyboardInterrupt  # pressed during the last evaluation: the run is complete
    return result


def _ended(run: RunFolder, values: dict[str, Any], model: Model, settings: Settings) -> Result:
    """The result of a run that has ended; its weights are loaded into ``model``."""
    try:
        result = msgspec.convert({**values, "out": str(run.path)}, Result)
    except msgspec.ValidationError as error:
        raise LaminaError(
            f"is not the result of a training run: {error}", place=str(run.result_file)
        ) from None
    if result.best_epoch:
        run.load_weights(model)
    model.to(settings.choose_device()).eval()
    run.drop_checkpoints()  # in case it was killed before it could
    if result.stopped == "diverged":
        raise Diverged(result, result.epochs + 1, settings.learning_rate, settings.clip)
    return result
