"""Small tasks and models to train in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lamina.spec import ACCURACY, PERPLEXITY, Batch, Model, Step, detach


class StreamModel(Model):
    """A GRU over tokens, with dropout, that predicts the next token."""

    task = "stream"

    def __init__(self, vocabulary: int = 7, width: int = 8, dropout: float = 0.2):
        super().__init__()
        self.options = {"vocabulary": vocabulary, "width": width, "dropout": dropout}
        self.embedding = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, width, 2, dropout=dropout)
        self.head = nn.Linear(width, vocabulary)

    def config(self) -> dict[str, Any]:
        return dict(self.options)

    def assets(self) -> dict[str, str]:
        return {"vocabulary.json": '["a", "b"]\n'}


class Stream:
    """Next-token prediction over a stream of random, partly predictable tokens; ``B = 4``."""

    name = "stream"
    metric = PERPLEXITY
    unit = "token"

    def __init__(self, length: int = 60, chunk: int = 5, validation: bool = True):
        generator = torch.Generator().manual_seed(5)
        noise = torch.randint(0, 2, (length + 1, 4), generator=generator)
        self.tokens = (torch.arange(length + 1)[:, None] * 3 + noise) % 7
        self.chunk, self.validation = chunk, validation
        self.seen: list[float] = []

    def model(self, options: Any = None, /, **changes: Any) -> StreamModel:
        return StreamModel(**{**(options or {}), **changes})

    def batches(self, part: str, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        if part != "train" and not self.validation:
            return []
        tokens = self.tokens if part == "train" else self.tokens[:21]
        tokens = tokens.roll(epoch + seed, dims=1)
        return [
            Batch(
                tokens[start : start + self.chunk],
                tokens[start + 1 : start + self.chunk + 1],
                fresh=start == 0,
            )
            for start in range(0, tokens.shape[0] - 1, self.chunk)
        ]

    def step(self, model: Model, batch: Batch, state: Any) -> Step:
        h = None if state is None else torch.cat([layer[0] for layer in state])
        assert (state is None) == batch.fresh
        assert isinstance(model, StreamModel)
        y, h = model.gru(model.embedding(batch.inputs), h)
        logits = model.head(y).flatten(0, 1)
        total = nn.functional.cross_entropy(logits, batch.targets.flatten(), reduction="sum")
        count = batch.targets.numel()
        new = detach(tuple((layer[None],) for layer in h))
        return Step(total / count, {"loss": total.detach()}, count, new)

    def summary(self, sums: Any, count: int) -> dict[str, float]:
        loss = sums["loss"] / count
        return {"loss": loss, "perplexity": float(torch.tensor(loss).double().exp())}

    def config(self) -> dict[str, Any]:
        return {"length": len(self.tokens) - 1, "chunk": self.chunk, "parts": (1, 2)}


class PointModel(Model):
    """Logistic regression."""

    task = "points"

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)

    def config(self) -> dict[str, Any]:
        return {"inputs": 2}

    def assets(self) -> dict[str, str]:
        return {}


class Points:
    """Classify points by the sign of their sum; ``script`` dictates validation scores."""

    name = "points"
    metric = ACCURACY
    unit = "example"

    def __init__(self, script: Sequence[float] | None = None, poison_step: int | None = None):
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(64, 2, generator=generator)
        self.y = (self.x.sum(1) > 0).long()
        self.script, self.poison_step = script, poison_step
        self.train_steps = self.validations = 0
        self.weights: list[Tensor] = []

    def model(self, options: Any = None, /, **changes: Any) -> PointModel:
        return PointModel()

    def batches(self, part: str, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        if part != "train":
            return [Batch(self.x[None], self.y)]
        order = torch.randperm(64, generator=torch.Generator().manual_seed(seed * 1000 + epoch))
        return [Batch(self.x[None, i], self.y[i], index=i) for i in order.split(16)]

    def step(self, model: Model, batch: Batch, state: Any) -> Step:
        assert isinstance(model, PointModel)
        logits = model.head(batch.inputs[0])
        total = nn.functional.cross_entropy(logits, batch.targets, reduction="sum")
        if model.training:
            self.train_steps += 1
            if self.train_steps == self.poison_step:
                total = total * float("nan")
        right = (logits.argmax(1) == batch.targets).sum()
        if not model.training:
            self.weights.append(model.head.weight.detach().clone())
        count = len(batch.targets)
        return Step(total / count, {"loss": total.detach(), "right": right}, count)

    def summary(self, sums: Any, count: int) -> dict[str, float]:
        accuracy = sums["right"] / count
        if self.script is not None and count == 64 and self.weights:
            accuracy = self.script[min(len(self.weights), len(self.script)) - 1]
        return {"loss": sums["loss"] / count, "accuracy": accuracy}

    def config(self) -> dict[str, Any]:
        return {"points": 64}
