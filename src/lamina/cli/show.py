"""What the commands print."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from lamina.spec import Metric


def note(text: str) -> None:
    """A remark that is no answer: to stderr, so that an answer can be piped on."""
    print(text, file=sys.stderr)


def show_test(metric: Metric, scores: Mapping[str, float]) -> None:
    """The score on data that nothing was chosen by."""
    print(f"test {metric.name} {metric.show(scores[metric.name])}, loss {scores['loss']:.4f} nats")


def picked(given: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Those of the given options that are among ``fields``."""
    return {name: value for name, value in given.items() if name in fields}
