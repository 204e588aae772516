"""What the commands print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lamina.spec import Metric, Model
from lamina.tasks.inputs import TextInputs


def note(text: str) -> None:
    """A remark that is no answer: to stderr, so that an answer can be piped on."""
    print(text, file=sys.stderr, flush=True)


def show_test(metric: Metric, scores: Mapping[str, float], count: int) -> None:
    """The score on data that nothing was chosen by."""
    print(
        f"test {metric.name} {metric.show(scores[metric.name])}, loss {scores['loss']:.4f} nats, "
        f"over {count:,} predictions"
    )


def predictions(task: Any) -> int:
    """How many predictions the test part asks for: a label, or a token, each."""
    return sum(batch.predictions for batch in task.batches("test"))


def next_command(model: Model, out: Path) -> str:
    """What can be done with a model that was trained."""
    if hasattr(model, "generate"):
        return shell("generate", out) + ' --prompt "..."'
    if reads_text(model):
        return shell("predict", out) + ' "..."'
    return shell("predict", out) + " --file FILE"


def reads_text(model: Model) -> bool:
    """Whether the model's examples can be typed; numeric sequences come in files."""
    return isinstance(getattr(model, "inputs", None), TextInputs) or hasattr(model, "vocabulary")


def shell(*words: object) -> str:
    """A command of this program as a shell takes it."""
    return shlex.join(["lamina", *map(str, words)])


def picked(given: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Those of the given options that are among ``fields``."""
    return {name: value for name, value in given.items() if name in fields}
