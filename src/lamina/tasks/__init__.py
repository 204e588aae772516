"""Tasks: data and a goal. To add one, write its class and its network, and its name in ``TASKS``.

A task class has ``name``, ``metric``, ``Data`` (the fields that say where the data is and how it
is read; ``source`` among them), ``Options`` (the shape of its network), ``Network`` (the
:class:`lamina.spec.Model`, with ``from_saved``), ``for_model`` (the task that scores a model on a
file), ``data`` and ``fingerprints`` (what it was made with), and the methods of
:class:`lamina.spec.Task`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lamina.spec import LaminaError, Model
from lamina.store import RunFolder
from lamina.tasks.classify.network import Classifier
from lamina.tasks.classify.task import Classify
from lamina.tasks.forecast.network import Forecaster
from lamina.tasks.forecast.task import Forecast
from lamina.tasks.language.network import LanguageNetwork
from lamina.tasks.language.task import LanguageModel
from lamina.tasks.saved import SavedModel
from lamina.tasks.tag.network import Tagger
from lamina.tasks.tag.task import Tag
from lamina.tasks.transcribe.network import Transcriber
from lamina.tasks.transcribe.task import Transcribe
from lamina.tasks.translate.network import Translator
from lamina.tasks.translate.task import Translate

__all__ = [
    "TASKS",
    "Classifier",
    "Classify",
    "Forecast",
    "Forecaster",
    "LanguageModel",
    "LanguageNetwork",
    "Tag",
    "Tagger",
    "Transcribe",
    "Transcriber",
    "Translate",
    "Translator",
    "load",
    "reopen",
    "task_class",
]

TASKS: dict[str, Any] = {
    kind.name: kind for kind in (LanguageModel, Classify, Tag, Forecast, Translate, Transcribe)
}


def task_class(name: object, place: str | None = None) -> Any:
    """The task of that name.

    Raises:
        LaminaError: there is none.
    """
    if not isinstance(name, str) or name not in TASKS:
        raise LaminaError(f"no task {name!r}; the tasks are {', '.join(TASKS)}", place=place)
    return TASKS[name]


def reopen(config: Mapping[str, Any], place: str | None = None) -> Any:
    """The task that ``task.config()`` came from, its data read again.

    Raises:
        LaminaError: the data is gone, or is not what it was.
    """
    kind = task_class(config.get("name"), place)
    fields = config.get("data")
    if not isinstance(fields, Mapping) or "source" not in fields:
        raise LaminaError("has no data with a source", place=place)
    fields = dict(fields)
    task = kind(fields.pop("source"), **fields)
    for path, then in (config.get("fingerprints") or {}).items():
        if task.fingerprints.get(path, then) != then:
            raise LaminaError(
                "has changed since the run began; a run can only go on with the same data. "
                "Bring the old file back, or start a new run.",
                place=path,
            )
    return task


def load(path: str | Path, *, device: str | torch.device = "cpu") -> Model:
    """The model of a run folder, with its best weights, in evaluation mode.

    Safe for folders from strangers: nothing is executed, checksums are verified, sizes are bounded,
    and weights take memory only once their shapes are known to fit.

    Raises:
        LaminaError: no run, or one that is incomplete, truncated or altered.
    """
    config, assets, tensors = RunFolder(path).load_model_files()
    place = str(Path(path) / "config.json")
    kind = task_class(config["model"].get("task"), place)
    with torch.device("meta"):  # shapes only, until the tensors are known to fit
        try:
            model = kind.Network.from_saved(SavedModel(config["model"], assets, place))
        except (RuntimeError, TypeError, OverflowError, MemoryError) as error:
            what = " ".join(str(error).split())[:100]
            raise LaminaError(f"describes no model that can be: {what}", place=place) from None
    need, got = _shapes(model.state_dict()), _shapes(tensors)
    for name in sorted(need.keys() | got.keys()):
        if need.get(name) != got.get(name):
            raise LaminaError(
                f"tensor {name} is {got.get(name, 'missing')}, config.json needs "
                f"{need.get(name, 'none')}; the files do not belong together",
                place=str(Path(path) / "weights.safetensors"),
            )
    model.load_state_dict(tensors, assign=True)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model.to(device).eval()


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """What each tensor is, in words: ``float32 (8, 4)``."""
    return {
        name: f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
        for name, tensor in tensors.items()
    }
