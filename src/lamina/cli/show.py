"""What the commands print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.spec import TYPED_TEXT, Generates, Reports

if TYPE_CHECKING:
    from lamina.spec import Model


def note(text: str) -> None:
    """A remark that is no answer: to stderr, so that an answer can be piped on."""
    print(text, file=sys.stderr, flush=True)


def show_test(task: Any, scores: Mapping[str, float]) -> None:
    """The score on data that nothing was chosen by, with what the task has to say about it."""
    metric = task.metric
    told = f"test {metric.name} {metric.show(scores[metric.name])}, loss {scores['loss']:.4f}"
    if isinstance(task, Reports):
        print(f"{told}, over {predictions(task):,} predictions")
        print("\n".join(task.report("test", scores)))
        return
    print(f"{told} nats, over {predictions(task):,} predictions")
    for name, score in scores.items():
        if name.startswith(f"{metric.name}["):  # of a part of the data: perplexity[wells]
            print(f"  {name.removeprefix(metric.name)[1:-1]} {metric.show(score)}")
        elif name not in ("loss", metric.name):
            print(f"  {name} {metric.show(score)}")


def run_name(source: str | tuple[str, ...]) -> str:
    """What the folder of a run on that data is called: the files' names without suffixes."""
    sources = (source,) if isinstance(source, str) else source
    return "-".join(Path(each).name.split(".")[0] for each in sources)


def predictions(task: Any) -> int:
    """How many predictions the test part asks for: a label, or a token, each."""
    batches = task.batches("test")
    return sum(batches[k].predictions for k in range(len(batches)))


def next_command(model: Model, out: Path) -> str:
    """What can be done with a model that was trained."""
    if isinstance(model, Generates):
        return f"{shell('generate', out)} --prompt {TYPED_TEXT}"
    return f"{shell('predict', out)} {model.typed or '--file FILE'}"


def shell(*words: object) -> str:
    """A command of this program as a shell takes it."""
    return shlex.join(["lamina", *map(str, words)])


def picked(given: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Those of the given options that are among ``fields``."""
    return {name: value for name, value in given.items() if name in fields}
