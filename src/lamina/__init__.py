"""Deep recurrent networks: train them, find out how deep yours should be, run them fast.

>>> import lamina
>>> task = lamina.tasks.Classify("reviews.csv", text="review", label="sentiment")  # doctest: +SKIP
>>> verdict = lamina.depth.search(task, depths=range(1, 6), seeds=3)               # doctest: +SKIP

Names load on first use: ``import lamina`` itself imports nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lamina import cells, data, depth, kernels, nn, store, tasks, train
    from lamina.spec import LaminaError, LaminaWarning
    from lamina.tasks import load

_PACKAGES = ("cells", "data", "depth", "kernels", "nn", "store", "tasks", "train")
_NAMES = {"LaminaError": "lamina.spec", "LaminaWarning": "lamina.spec", "load": "lamina.tasks"}

__all__ = [
    "LaminaError",
    "LaminaWarning",
    "__version__",
    "cells",
    "data",
    "depth",
    "kernels",
    "load",
    "nn",
    "store",
    "tasks",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"lamina.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'lamina' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
