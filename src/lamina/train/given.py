"""What callers give to training, evaluation and search, refused where it is something else."""

from __future__ import annotations

import os
from textwrap import shorten
from typing import Any

from lamina.spec import LaminaError, Model
from lamina.train.settings import Settings


def check_model(model: Any) -> None:
    """Refuse what is no model, such as the folder of one."""
    if not isinstance(model, Model):
        how = "lamina.load(FOLDER)" if isinstance(model, str | os.PathLike) else "task.model(...)"
        raise _other("model", model, f"a model: {how}")


def check_task(task: Any) -> None:
    """Refuse what is no task, such as a file, or the class of a task."""
    methods = ("model", "batches", "step", "summary")
    if isinstance(task, type) or not all(callable(getattr(task, name, None)) for name in methods):
        raise _other("task", task, "a task, such as lamina.tasks.Classify(FILE, text=COLUMN)")


def check_how(settings: Any, out: Any, progress: Any, silent: str) -> None:
    """Refuse settings, a folder or a progress that are none; ``None`` always passes."""
    if not isinstance(settings, Settings | None):
        raise _other("settings", settings, "Settings(...), such as Settings(epochs=3)")
    if not isinstance(out, str | os.PathLike | None):
        raise _other("out", out, "the path of a folder, or None")
    if progress is not None and not callable(getattr(progress, "start", None)):
        raise _other("progress", progress, f"{silent} to show nothing, or None")


def _other(name: str, value: Any, need: str) -> LaminaError:
    return LaminaError(f"{name} is {shorten(repr(value), 60)}; need {need}")
