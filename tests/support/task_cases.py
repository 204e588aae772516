"""Every task with every kind of data that it reads and every way in which it answers: a table. What
is held against it is in ``tests/tasks/test_laws_of_*.py``; a new task joins with a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lamina.spec import Batch, Model, Part, Task
from lamina.tasks import TASKS
from lamina.tasks.tag.batch import NOT_COUNTED, WordBatch
from task_world import LINES, ROWS


@dataclass(frozen=True)
class Case:
    """A task and its data.

    task:    its name.
    source:  its file or files in the folder of :func:`task_world.write_world`.
    fields:  of its data; a value that is the name of a file there stands for the file.
    shapes:  options of its network, each what one test is held with.
    """

    task: str
    source: str | tuple[str, ...]
    fields: dict[str, Any]
    shapes: tuple[dict[str, Any], ...]

    def open(self, folder: Path, **changes: Any) -> Any:
        """The task."""

        def path(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(path, value))
            is_file = isinstance(value, str) and value and (folder / value).is_file()
            return str(folder / value) if is_file else value

        fields = {name: path(value) for name, value in {**self.fields, **changes}.items()}
        return TASKS[self.task](path(self.source), **fields)

    def answered(self) -> str:
        """The file whose examples are answered."""
        if isinstance(self.source, tuple):
            return self.source[0]
        return self.source.replace(".train", ".test")


def _files(name: str, suffix: str, **fields: Any) -> dict[str, Any]:
    return {"validation": f"{name}.validation{suffix}", "test": f"{name}.test{suffix}", **fields}


_SHARES = tuple(lines / sum(LINES.values()) for lines in LINES.values())
_PAIR_FILES = {"validation": ("pairs.validation.tsv",), "test": ("pairs.test.tsv",)}
_SERIES = {
    "time": "step", "id": "shop", "covariates": ("promotion",), "missing": "forward",
    "rows": ROWS, "look_back": 8, "horizon": 5, "season": 4, "batch_size": 16,
}  # fmt: skip
_SCHEMES = ({"segment": 4}, {"scheme": "direct"}, {"scheme": "recursive"})
_STATES = ({"output": "crf"}, {"output": "softmax", "cell": "gru"})

CASES = {
    "book": Case(
        "language-model", "book.train.txt", _files("book", ".txt", batch_size=4, steps=5),
        ({"cell": "lstm"}, {"embedding": "onehot"}, {"tied": True}, {"softmax": "adaptive",
          "cutoffs": (4,)}),
    ),
    "mixed books": Case(
        "language-model", ("wells.txt", "poe.txt"),
        {"weights": (2.0, 1.0), "fractions": _SHARES, "batch_size": 4, "steps": 5},
        ({"cell": "gru"},),
    ),
    "reviews": Case(
        "classify", "reviews.train.csv",
        _files("reviews", ".csv", text="text", min_count=1, batch_size=8, label_smoothing=0.1,
               class_weights=("balanced",)),
        (*({"pooling": pooling} for pooling in ("last", "mean", "max", "attention")),
         {"bidirectional": True, "norm": "layer"}, {"convolution": 3, "stride": 2}),
    ),
    "topics": Case(
        "classify", "topics.train.csv",
        _files("topics", ".csv", text="text", min_count=1, batch_size=8, separator=";",
               label_smoothing=0.1, class_weights=("balanced",)),
        ({},),
    ),
    "sensors": Case(
        "classify", "sensors.train.csv",
        _files("sensors", ".csv", id="run", missing="mean", missing_indicator=True, batch_size=8),
        ({"bidirectional": True}, {"convolution": 3, "pooling": "mean"}),
    ),
    "machines": Case(
        "regress", "machines.train.csv",
        _files("machines", ".csv", id="run", target="rul", missing="mean", batch_size=8),
        ({"bidirectional": True}, {"convolution": 3, "pooling": "mean"}),
    ),
    "stars": Case(
        "regress", "stars.train.csv",
        _files("stars", ".csv", text="text", target="stars", loss="huber", min_count=1,
               batch_size=8),
        ({}, {"pooling": "attention"}),
    ),
    "entities": Case(
        "tag", "entities.train.txt", _files("entities", ".txt", scheme="IOBES", batch_size=8),
        (*({**state, "characters": kind} for state in _STATES for kind in
           ("recurrent", "convolution", "none")),),
    ),
    "residues": Case(
        "tag", "residues.fasta", {"label": "labels.fasta", "mask": "mask.fasta", "batch_size": 8},
        _STATES,
    ),
    "series": Case("forecast", "series.csv", {**_SERIES, "loss": "mae"}, _SCHEMES),
    "quantiles": Case("forecast", "series.csv", {**_SERIES, "loss": "quantile"}, _SCHEMES),
    "pairs": Case(
        "translate", "pairs.train.tsv", {**_PAIR_FILES, "subwords": 290, "batch_size": 8},
        (*({"attention": kind, "beam": beam, "depth": depth, "tied": tied} for kind, beam, depth,
           tied in (("additive", 1, 1, "output"), ("additive", 3, 2, "none"),
                    ("multiplicative", 1, 2, "all"), ("multiplicative", 4, 1, "output"))),),
    ),
    "tones": Case(
        "transcribe", "tones.train.csv", _files("tones", ".csv", bins=8, batch_size=8),
        ({"depth": 2, "halvings": 1, "beam": 1}, {"depth": 2, "halvings": 2, "beam": 4},
         {"depth": 1, "halvings": 0, "bidirectional": True, "cell": "lstm"}),
    ),
}  # fmt: skip


def _shapes(*tasks: str) -> pytest.MarkDecorator:
    """Each kind of data of these tasks with each shape."""
    return pytest.mark.parametrize(
        ("case", "shape"),
        [
            pytest.param(case, shape, id="-".join([name, *map(str, shape.values())]))
            for name, case in CASES.items()
            for shape in case.shapes
            if case.task in tasks
        ],
    )


#: Each kind of data, to be used with the first of its shapes.
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
each_shape = _shapes(*TASKS)
#: Of the one task whose batches go on where the one before ended, and of the others.
each_stream = _shapes("language-model")
each_without_a_stream = _shapes(*(name for name in TASKS if name != "language-model"))
each_of_speech = _shapes("transcribe")


def network(task: Task, shape: dict[str, Any], **changes: Any) -> Model:
    """A fresh network without dropout, in evaluation mode, that tells its inputs apart: each weight
    three times what it would be."""
    torch.manual_seed(0)
    model = task.model(**{"width": 6, "dropout": 0.0, **shape, **changes})
    with torch.no_grad():
        for part in model.parameters():
            part.mul_(3)
    return model.eval()


def _tensors(batch: Batch) -> dict[str, tuple[Tensor, dict[str, Any]]]:
    """Each tensor of a batch by name, and what its field says of how it lies."""
    every = ((field.name, getattr(batch, field.name), field.metadata) for field in fields(batch))
    return {name: (x, dict(layout)) for name, x, layout in every if isinstance(x, Tensor)}


def doubled(batch: Batch) -> Batch:
    """Its floats in float64."""
    tensors = {name: x for name, (x, _) in _tensors(batch).items() if x.is_floating_point()}
    return replace(batch, **{name: x.double() for name, x in tensors.items()})


def taken(batch: Batch, members: Sequence[int]) -> Batch:
    """These members of a batch in this order, with no more steps than the longest of them needs."""
    which = torch.tensor(members)
    own = {}
    for name, (x, layout) in _tensors(batch).items():
        axis, lengths = layout["members"], layout["lengths"]
        if isinstance(axis, str):
            apart = x.split(getattr(batch, axis).tolist())
            own[name] = torch.cat([apart[member] for member in members])
        elif axis is not None:
            own[name] = x.index_select(axis, which)
            valid = getattr(batch, lengths) if lengths else None
            if valid is not None:
                own[name] = own[name][: int(valid[which].max())]
    alone = replace(batch, **own)
    if isinstance(alone, WordBatch):
        alone = replace(alone, counted=int((alone.targets != NOT_COUNTED).sum()))
    return alone


def with_wild_padding(batch: Batch) -> Batch:
    """The same with nonsense at every padded step: not-a-number, or tokens that there are not."""
    own = {}
    for name, (x, layout) in _tensors(batch).items():
        lengths = getattr(batch, layout["lengths"]) if layout["lengths"] else None
        if lengths is None or (name == "targets" and isinstance(batch, WordBatch)):
            continue
        own[name] = x.clone()
        padded = torch.arange(len(x))[:, None] >= lengths
        own[name][padded] = torch.nan if x.is_floating_point() else 10**6
    return replace(batch, **own)


def some_batch(task: Task, part: Part) -> Batch:
    """A batch with padding in it, where there is one, in float64."""
    batches = task.batches(part)
    for batch in batches:
        if batch.lengths is not None and len(batch.lengths.unique()) > 2:
            return doubled(batch)
    return doubled(batches[0])
