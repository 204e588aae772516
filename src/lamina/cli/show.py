"""What the commands print."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.spec import TYPED_TEXT, Generates, Reports
from lamina.spec.counted import counted

if TYPE_CHECKING:
    from lamina.spec import Model


def note(text: str) -> None:
    """Print a remark to stderr, so that answers on stdout can be piped."""
    print(text, file=sys.stderr, flush=True)


def show_test(task: Any, scores: Mapping[str, float]) -> None:
    """Print the test score, with what the task reports about it."""
    metric = task.metric
    told = f"test {metric.name} {metric.show(scores[metric.name])}, loss {scores['loss']:.4f}"
    if isinstance(task, Reports):
        print(f"{told}, over {counted(predictions(task), 'prediction')}")
        print("\n".join(task.report("test", scores)))
        return
    print(f"{told} nats, over {counted(predictions(task), 'prediction')}")
    for name, score in scores.items():
        if name.startswith(f"{metric.name}["):  # of a part of the data: perplexity[wells]
            print(f"  {name.removeprefix(metric.name)[1:-1]} {metric.show(score)}")
        elif name not in ("loss", metric.name):
            print(f"  {name} {metric.show(score)}")


def run_name(source: str | tuple[str, ...]) -> str:
    """The default folder name of a run on ``source``: the file names without suffixes."""
    sources = (source,) if isinstance(source, str) else source
    return "-".join(Path(each).name.split(".")[0] for each in sources)


def network_name(task: Any) -> str:
    """The network of a task with its article: ``a classifier``, ``a language network``."""
    return "a " + re.sub(r"(?<=[a-z])(?=[A-Z])", " ", task.Network.__name__).lower()


def predictions(task: Any) -> int:
    """The number of predictions (labels or tokens) in the test part."""
    batches = task.batches("test")
    return sum(batches[k].predictions for k in range(len(batches)))


def next_command(model: Model, out: Path) -> str:
    """The command that uses the model trained in ``out``."""
    if isinstance(model, Generates):
        return f"{shell('generate', out)} --prompt {TYPED_TEXT}"
    return f"{shell('predict', out)} {model.typed or '--file FILE'}"


def shell(*words: object) -> str:
    """A ``lamina`` command, quoted for a shell."""
    return shlex.join(["lamina", *map(str, words)])


def picked(given: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """The given options that are in ``fields``."""
    return {name: value for name, value in given.items() if name in fields}
