"""Every task with every kind of data that it reads and every way in which it answers: a table. What
is held against it is in ``tests/tasks/test_laws_of_*.py``; a new task joins with a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lamina.spec import Batch, Model, Part, Task
from lamina.tasks import TASKS
from task_world import LINES, ROWS


@dataclass(frozen=True)
class Case:
    """A task and its data.

    task:    its name.
    source:  its file or files in the folder of :func:`task_world.write_world`.
    fields:  of its data; a value that is the name of a file there stands for the file.
    shapes:  options of its network, each what one test is held with.
    members: the axis of a batch's targets along which its members lie; ``None``: one after the
             other, each as long as ``more["target_lengths"]`` says.
    """

    task: str
    source: str | tuple[str, ...]
    fields: dict[str, Any]
    shapes: tuple[dict[str, Any], ...]
    members: int | None = 1

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
_SCHEMES = tuple({"scheme": s, "segment": 4} for s in ("segments", "direct", "recursive"))
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
        members=0,
    ),
    "topics": Case(
        "classify", "topics.train.csv",
        _files("topics", ".csv", text="text", min_count=1, batch_size=8, separator=";",
               label_smoothing=0.1, class_weights=("balanced",)),
        ({},),
        members=0,
    ),
    "sensors": Case(
        "classify", "sensors.train.csv",
        _files("sensors", ".csv", id="run", missing="mean", missing_indicator=True, batch_size=8),
        ({"bidirectional": True}, {"convolution": 3, "pooling": "mean"}),
        members=0,
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
        members=None,
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


#: The axis of each tensor in ``Batch.more`` along which members lie; ``None``: of all together.
_MORE = {
    "target_lengths": 0, "series": 0, "future": 1, "observed": 1, "spelling": 1,
    "characters": None, "character_lengths": None, "beam": None, "source": None,
}  # fmt: skip


def doubled(batch: Batch) -> Batch:
    """Its floats in float64."""

    def double(x: Tensor) -> Tensor:
        return x.double() if x.is_floating_point() else x

    return replace(
        batch,
        inputs=double(batch.inputs),
        targets=double(batch.targets),
        more={name: double(part) for name, part in batch.more.items()},
    )


def taken(case: Case, batch: Batch, members: Sequence[int]) -> Batch:
    """These members of a batch in this order, with no more steps than the longest of them needs."""
    which = torch.tensor(members)

    def take(x: Tensor, axis: int | None, lengths: Tensor | None) -> Tensor:
        if axis is None:
            return x
        x = x.index_select(axis, which)
        return x if axis == 0 or lengths is None else x[: int(lengths.max())]

    lengths = None if batch.lengths is None else batch.lengths[which]
    more = {name: take(x, _MORE[name], lengths) for name, x in batch.more.items()}
    sizes = more.get("target_lengths")
    if case.members is None:
        apart = batch.targets.split(batch.more["target_lengths"].tolist())
        targets = torch.cat([apart[member] for member in members])
    else:
        targets = take(batch.targets, case.members, lengths if sizes is None else sizes)
    asked = batch.asked
    if asked is not None:
        asked = int((targets >= 0).sum()) if sizes is None else int(sizes.sum())
    return replace(
        batch,
        inputs=take(batch.inputs, 1, lengths),
        targets=targets,
        lengths=lengths,
        more=more,
        asked=asked,
    )


def with_wild_padding(case: Case, batch: Batch) -> Batch:
    """The same with nonsense at every padded step: not-a-number, or tokens that there are not."""

    def wild(x: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            return x
        x = x.clone()
        padded = torch.arange(len(x))[:, None] >= lengths
        x[padded] = torch.nan if x.is_floating_point() else 10**6
        return x

    more = dict(batch.more)
    for name, lengths in (
        ("spelling", batch.lengths),
        ("characters", more.get("character_lengths")),
    ):
        if name in more:
            more[name] = wild(more[name], lengths)
    targets = batch.targets
    if case.members == 1 and "target_lengths" in more:
        targets = wild(targets, more["target_lengths"])
    return replace(batch, inputs=wild(batch.inputs, batch.lengths), targets=targets, more=more)


def some_batch(task: Task, part: Part) -> Batch:
    """A batch with padding in it, where there is one, in float64."""
    batches = task.batches(part)
    for batch in batches:
        if batch.lengths is not None and len(batch.lengths.unique()) > 2:
            return doubled(batch)
    return doubled(batches[0])
