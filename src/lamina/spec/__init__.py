"""The words every package shares: states, batches, metrics, models, tasks, errors.

Axes, everywhere: ``T`` time, ``B`` batch, ``I`` input features, ``H`` hidden units,
``G`` gates, ``D`` directions (1 or 2), ``L`` layers (the depth), ``V`` vocabulary.
Inside the library tensors are time-major, ``(T, B, ...)``.

Nothing here loads torch but :class:`Model`, which loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lamina.spec.answers import TYPED_TEXT, Generates, Tabular
from lamina.spec.batch import Batch, Step, StreamBatch
from lamina.spec.errors import ColumnsWarning, LaminaError, LaminaWarning
from lamina.spec.metric import ACCURACY, BLEU, PERPLEXITY, SPAN_F1, Metric
from lamina.spec.state import LayerState, State, detach, state_from, state_tensors
from lamina.spec.task import Carries, ChecksModels, Part, Reports, Task

if TYPE_CHECKING:
    from lamina.spec.model import Model

__all__ = [
    "ACCURACY",
    "BLEU",
    "PERPLEXITY",
    "SPAN_F1",
    "TYPED_TEXT",
    "Batch",
    "Carries",
    "ChecksModels",
    "ColumnsWarning",
    "Generates",
    "LaminaError",
    "LaminaWarning",
    "LayerState",
    "Metric",
    "Model",
    "Part",
    "Reports",
    "State",
    "Step",
    "StreamBatch",
    "Tabular",
    "Task",
    "detach",
    "state_from",
    "state_tensors",
]


def __getattr__(name: str) -> Any:
    if name == "Model":  # a torch.nn.Module, so that importing it loads torch
        return importlib.import_module("lamina.spec.model").Model
    raise AttributeError(f"module 'lamina.spec' has no attribute {name!r}")
