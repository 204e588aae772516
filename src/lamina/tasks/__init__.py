"""Tasks: data and a goal. To add one, write its folder (see :mod:`lamina.tasks.base`) and its line
in ``TASKS``.

Names load on first use, and nothing here loads torch but what needs a network.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.options import as_stored
from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.tasks.saved import SavedModel, no_network

if TYPE_CHECKING:
    import torch

    from lamina.spec import Model
    from lamina.spec.answers import Answers
    from lamina.tasks.base import DataTask
    from lamina.tasks.classify.network import Classifier
    from lamina.tasks.classify.task import Classify
    from lamina.tasks.forecast.network import Forecaster
    from lamina.tasks.forecast.task import Forecast
    from lamina.tasks.language.network import LanguageNetwork
    from lamina.tasks.language.task import LanguageModel
    from lamina.tasks.regress.network import Regressor
    from lamina.tasks.regress.task import Regress
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
    "DataTask",
    "Forecast",
    "Forecaster",
    "LanguageModel",
    "LanguageNetwork",
    "Regress",
    "Regressor",
    "Tag",
    "Tagger",
    "Transcribe",
    "Transcriber",
    "Translate",
    "Translator",
    "load",
    "load_processor",
    "reopen",
    "task_class",
]


class _Lazy(Mapping[str, Any]):
    """Classes by name, each imported when it is looked up."""

    def __init__(self, places: Mapping[str, str]):
        self.places = places

    def __getitem__(self, name: str) -> Any:
        module, _, kind = self.places[name].rpartition(".")
        return getattr(importlib.import_module(f"lamina.tasks.{module}"), kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, name: object) -> bool:
        return name in self.places


#: Every task: its name, and where in this package its class lies.
TASKS = _Lazy(
    {
        "language-model": "language.task.LanguageModel",
        "classify": "classify.task.Classify",
        "regress": "regress.task.Regress",
        "tag": "tag.task.Tag",
        "forecast": "forecast.task.Forecast",
        "translate": "translate.task.Translate",
        "transcribe": "transcribe.task.Transcribe",
    }
)
#: What else this package gives by name.
_NAMES = _Lazy(
    {
        **{place.rpartition(".")[2]: place for place in TASKS.places.values()},
        "Classifier": "classify.network.Classifier",
        "DataTask": "base.DataTask",
        "Forecaster": "forecast.network.Forecaster",
        "LanguageNetwork": "language.network.LanguageNetwork",
        "Regressor": "regress.network.Regressor",
        "Tagger": "tag.network.Tagger",
        "Transcriber": "transcribe.network.Transcriber",
        "Translator": "translate.network.Translator",
    }
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return _NAMES[name]
    raise AttributeError(f"module 'lamina.tasks' has no attribute {name!r}")


def task_class(name: object, place: str | None = None) -> Any:
    """The task of that name.

    Raises:
        LaminaError: there is none.
    """
    return TASKS[_known(name, place)]


def _known(name: object, place: str | None) -> str:
    if not isinstance(name, str) or name not in TASKS:
        raise LaminaError(f"no task {name!r}; the tasks are {', '.join(TASKS)}", place=place)
    return name


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
    with as_stored() if "fingerprints" in config else contextlib.nullcontext():
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
        LaminaError: no run, or one that is incomplete, truncated or altered; or torch is missing.
    """
    try:
        import torch
    except ImportError:
        raise no_network(str(path)) from None

    if not isinstance(path, str | Path):
        raise LaminaError(f"got {path!r}; need the path of a run folder")
    try:
        where = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise LaminaError(
            f"device is {device!r}; need 'cpu', or 'cuda' with a GPU: {why}"
        ) from None
    with RunFolder(path).model_files() as (config, assets, weights):
        place = str(Path(path) / "config.json")
        kind = task_class(config["model"].get("task"), place)
        with torch.device("meta"):  # shapes only, until the tensors are known to fit
            try:
                model = kind.Network.from_saved(SavedModel(config["model"], assets, place))
            except (RuntimeError, TypeError, OverflowError, MemoryError) as error:
                what = " ".join(str(error).split())[:100]
                raise LaminaError(f"describes no model that can be: {what}", place=place) from None
        tensors = weights.read(like=model.state_dict())
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise LaminaError(
                f"tensor {name!r} holds numbers that are not finite; lamina does not write such "
                "weights",
                place=weights.place,
            )
    model.encoding = _encoding(config, place)
    model.load_state_dict(tensors, assign=True)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model.to(where).eval()


def load_processor(path: str | Path) -> Answers:
    """Everything of a run folder's model but its network: it reads and encodes examples, and
    decodes scores, without torch. Only of tasks that have a ``processor.py``.

    Raises:
        LaminaError: as :func:`load` does.
    """
    config, assets = RunFolder(path).load_assets()
    place = str(Path(path) / "config.json")
    name = config["model"].get("task")
    task = TASKS.places[_known(name, place)].partition(".")[0]
    module = f"lamina.tasks.{task}.processor"
    if find_spec(module) is None:
        raise no_network(str(path))
    saved = SavedModel(config["model"], assets, place)
    processor = importlib.import_module(module).PROCESSOR.from_saved(saved)
    object.__setattr__(processor, "encoding", _encoding(config, place))  # it may be frozen
    return processor


def _encoding(config: Mapping[str, Any], place: str) -> str | None:
    """What the files of the training data were read as."""
    from lamina.data.read.decoding import check_encoding  # late: it loads polars

    task = config.get("task")
    encoding = task.get("encoding") if isinstance(task, Mapping) else None
    try:
        check_encoding(encoding)
    except LaminaError as error:
        raise LaminaError(error.message, place=place) from None
    return encoding
