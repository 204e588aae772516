"""A task that trains in a blink: which of two noisy constants is a sequence about?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import torch
from torch.nn.functional import cross_entropy

from lamina.spec import ACCURACY, Batch, Model, Part, State, Step


class ToyOptions(msgspec.Struct, frozen=True):
    cell: str = "rnn"
    depth: int = 1
    width: int | tuple[int, ...] = 4
    explode: int = 0  # the depth at which training diverges


class ToyModel(Model):
    task = "toy"

    def __init__(self, options: ToyOptions):
        super().__init__()
        self.options = options
        widths = options.width
        widths = (widths,) * options.depth if isinstance(widths, int) else widths
        sizes = (2, *widths)
        kind = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[options.cell]
        self.layers = torch.nn.ModuleList(kind(a, b) for a, b in pairwise(sizes))
        self.head = torch.nn.Linear(sizes[-1], 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x, _ = layer(x)
        return self.head(x[-1])

    def config(self) -> dict[str, Any]:
        return {"task": "toy", "options": msgspec.to_builtins(self.options)}

    def assets(self) -> dict[str, str]:
        return {"note.txt": "nothing to know"}


class Toy:
    name = "toy"
    metric = ACCURACY
    unit = "example"

    def __init__(self, size: int = 40, empty: tuple[Part, ...] = ()):
        self.size, self.empty = size, empty

    def model(self, options: Any = None, /, **changes: Any) -> ToyModel:
        return ToyModel(msgspec.structs.replace(options or ToyOptions(), **changes))

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        if part in self.empty:
            return []
        where = {"train": 1, "validation": 2, "test": 3}[part]
        draw = torch.Generator().manual_seed(where)
        y = torch.randint(2, (self.size,), generator=draw)
        x = y[None, :, None] - 0.5 + 2.0 * torch.randn(3, self.size, 2, generator=draw)
        order = torch.arange(self.size)
        if part == "train":
            order = torch.randperm(
                self.size, generator=torch.Generator().manual_seed(1000 * seed + epoch)
            )
        return [Batch(x[:, i], y[i]) for i in order.split(10)]

    def step(self, model: Any, batch: Batch, state: State | None) -> Step:
        scores = model(batch.inputs)
        loss = cross_entropy(scores, batch.targets)
        if model.training and model.options.explode == model.options.depth:
            loss = loss * float("inf")
        count = len(batch.targets)
        correct = (scores.argmax(1) == batch.targets).sum()
        return Step(loss, {"loss": loss.detach() * count, "correct": correct}, count)

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        return {"loss": sums["loss"] / count, "accuracy": sums["correct"] / count}

    def baseline(self) -> float:
        labels = torch.cat([batch.targets for batch in self.batches("validation")])
        return float(labels.bincount().max() / len(labels))

    def config(self) -> dict[str, Any]:
        return {"name": "toy", "data": {"source": "toy", "size": self.size}}
