"""Classification: one label for a text or for a numeric sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lamina.data import BucketedBatches, Vocabulary, fingerprint, split_rows
from lamina.data.standardize import Standardizer
from lamina.nn import Stack, StackOptions, pool
from lamina.nn.dropout import drop, drop_rows
from lamina.nn.options import check_embedding
from lamina.spec import ACCURACY, Batch, LaminaError, Model, Part, State, Step
from lamina.store.structs import changed, struct_from
from lamina.tasks.classify_data import ClassifyData, read
from lamina.tasks.inputs import (
    Fitted,
    Inputs,
    Rows,
    TextInputs,
    as_source,
    fitted_from_json,
    fitted_to_json,
    inputs_from,
)

NAME = "classify"


class ClassifyOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A classifier's shape: the stack's options and

    embedding: size of a token's vector (texts only).
    pooling:   ``last`` (the last valid state), ``mean``, ``max`` or ``attention``.

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    embedding: int = 128
    pooling: Literal["last", "mean", "max", "attention"] = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_embedding(self.embedding)


class Classifier(Model):
    """Embedding (texts only), stack, pooling over valid steps, linear map to class scores.

    Args:
        options: the shape.
        inputs:  what it reads.
        fitted:  the vocabulary, or the scale of the features.
        labels:  names of the classes, in the order of the scores.
    """

    task = NAME

    def __init__(self, options: ClassifyOptions, inputs: Inputs, fitted: Fitted, labels: list[str]):
        super().__init__()
        self.options, self.inputs, self.fitted, self.labels = options, inputs, fitted, labels
        if isinstance(fitted, Vocabulary):
            self.embedding = nn.Embedding(len(fitted), options.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)
            size = options.embedding
        else:
            self.embedding = None
            size = len(fitted.mean)
        shape = {name: getattr(options, name) for name in StackOptions.__struct_fields__}
        self.stack = Stack(size, StackOptions(**shape))
        self.pool = pool(options.pooling, self.stack.outputs, options.directions)
        self.head = nn.Linear(self.stack.outputs, len(labels))

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(T, B)`` or features ``(T, B, I)`` -> scores ``(B, classes)``."""
        p, kind = self.options.dropout, self.options.dropout_kind
        x, tokens = inputs, None
        if self.embedding is not None:
            x, tokens = drop_rows(self.embedding.weight, x, p, kind, training=self.training)
        outputs, _ = self.stack(x, lengths=lengths, tokens=tokens)
        pooled = self.pool(outputs, lengths)  # (B, D*H): no steps are left to lock
        return self.head(drop(pooled, p, "plain", training=self.training))

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "inputs": msgspec.to_builtins(self.inputs),
            "labels": self.labels,
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {self.inputs.asset: fitted_to_json(self.fitted)}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], assets: Mapping[str, str], place: str
    ) -> Classifier:
        """The same network from what :meth:`config` and :meth:`assets` gave.

        Raises:
            LaminaError: malformed.
        """
        options = struct_from(
            ClassifyOptions, config.get("options") or {}, what="model option", place=place
        )
        inputs = inputs_from(config.get("inputs") or {}, place)
        labels = config.get("labels")
        if not (isinstance(labels, list) and all(isinstance(name, str) for name in labels)):
            raise LaminaError("has no list of labels", place=place)
        if inputs.asset not in assets:
            raise LaminaError(f"has no {inputs.asset}", place=place)
        fitted = fitted_from_json(inputs, assets[inputs.asset], inputs.asset)
        return cls(options, inputs, fitted, labels)

    # -- answers

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no labels."""
        return self.inputs.read(path, labelled=False).values

    @torch.no_grad()
    def predict_proba(self, examples: Sequence[Any], batch_size: int = 64) -> np.ndarray:
        """Probability of each class for texts, or for arrays ``(T, I)``: ``(N, classes)``.

        Raises:
            LaminaError: an example that cannot be read, with its position.
        """
        if isinstance(examples, str):
            raise LaminaError(f"got one text, {shorten(examples, 40)!r}; need a list of texts")
        places = [f"example {i}" for i in range(1, len(examples) + 1)]
        return self._probabilities(Rows(examples, None, places), batch_size)

    def predict(self, examples: Sequence[Any]) -> list[str]:
        """The most probable label of each text, or of each array ``(T, I)``."""
        return [self.labels[i] for i in self.predict_proba(examples).argmax(axis=1)]

    @torch.no_grad()
    def _probabilities(self, rows: Rows, batch_size: int) -> np.ndarray:
        if not rows.values:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        arrays = self.inputs.arrays(rows, self.fitted)  # type: ignore[arg-type]
        batches = BucketedBatches(
            arrays, np.zeros(len(arrays), np.int64), batch_size=batch_size, shuffle=False
        )
        device = self.head.weight.device
        probabilities = torch.empty(len(arrays), len(self.labels))
        was_training = self.training
        self.eval()
        for batch in batches:
            scores = self(batch.inputs.to(device), batch.lengths)
            assert batch.index is not None
            probabilities[batch.index] = torch.softmax(scores.float(), dim=1).cpu()
        self.train(was_training)
        return probabilities.numpy()

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """For people and programs: label and probability of each example."""
        found = []
        for row in self.predict_proba(examples):
            best = int(row.argmax())
            found.append({"label": self.labels[best], "probability": float(row[best])})
        return found


class Classify:
    """Learn to put a label on a text or on a numeric sequence.

    >>> task = Classify("reviews.csv", text="review", label="sentiment")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=128)                 # doctest: +SKIP

    Args:
        source: a file or the name of a corpus; with ``changes``, the fields of
            :class:`ClassifyData`.

    Raises:
        LaminaError: data that cannot be read, with file and line.
    """

    name = NAME
    metric = ACCURACY
    Data = ClassifyData
    Options = ClassifyOptions
    Network = Classifier

    def __init__(self, source: str | Path, **changes: Any):
        values = {"source": as_source(source), **changes}
        self.data = data = struct_from(ClassifyData, values, what="field")
        self.inputs, rows, self.fingerprints = read(data)
        self._split(rows)
        train = self.parts["train"]
        self.labels = sorted(set(train.labels or ()))
        self.fitted: Fitted
        if isinstance(self.inputs, TextInputs):
            self.fitted = Vocabulary.build(
                train.values,
                level=data.level,
                normalize=data.normalize,
                max_size=data.max_vocabulary,
                min_count=data.min_count,
            )
        else:
            self.fitted = Standardizer.fit(train.values)
        self._encode()

    @classmethod
    def for_model(cls, model: Classifier, path: str | Path, **changes: Any) -> Classify:
        """A task whose test part is the file at ``path``, read as ``model`` reads."""
        task = cls.__new__(cls)
        task.inputs, task.fitted, task.labels = model.inputs, model.fitted, model.labels
        name = "text" if isinstance(model.inputs, TextInputs) else "id"
        columns = {"label": model.inputs.label, name: getattr(model.inputs, name)}
        fields = {"source": str(path), **columns, **changes}
        task.data = struct_from(ClassifyData, fields, what="field")
        empty = Rows([], [], [])
        test = msgspec.structs.replace(model.inputs, label=task.data.label).read(path)
        task.parts = {"train": empty, "validation": empty, "test": test}
        task.fingerprints = {str(path): fingerprint(path)}
        task._encode()
        return task

    def _split(self, parts: dict[str, Rows]) -> None:
        train, validation, test = self.data.fractions
        if "validation" in parts:
            validation = 0.0
        if "test" in parts:
            test = 0.0
        whole = train + validation + test
        source = parts.pop("source")
        found = split_rows(
            source.keys(),
            source.labels,
            fractions=(train / whole, validation / whole, test / whole),
            seed=self.data.split_seed,
        )
        self.parts: dict[str, Rows] = {
            "train": _take(source, found.train),
            "validation": parts.get("validation") or _take(source, found.validation),
            "test": parts.get("test") or _take(source, found.test),
        }

    def _encode(self) -> None:
        number = {name: i for i, name in enumerate(self.labels)}
        self.arrays: dict[str, list[np.ndarray]] = {}
        self.targets: dict[str, np.ndarray] = {}
        for part, rows in self.parts.items():
            for name, place in zip(rows.labels or (), rows.places, strict=True):
                if name not in number:
                    known = ", ".join(self.labels[:10])
                    raise LaminaError(
                        f"label {name!r} was not seen in training; the labels are {known}. "
                        "Take the row out, or train again with it.",
                        place=place,
                    )
            self.arrays[part] = self.inputs.arrays(rows, self.fitted)  # type: ignore[arg-type]
            self.targets[part] = np.array([number[name] for name in rows.labels or ()], np.int64)

    def model(self, options: ClassifyOptions | None = None, /, **changes: Any) -> Classifier:
        """A fresh classifier for these classes and inputs."""
        chosen = changed(options or ClassifyOptions(), changes, what="model option")
        return Classifier(chosen, self.inputs, self.fitted, self.labels)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """Length-bucketed batches; shuffled for training only."""
        return BucketedBatches(
            self.arrays[part],
            self.targets[part],
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
        )

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """Mean cross-entropy of the batch, and how many it has right."""
        scores = model(batch.inputs, batch.lengths)
        loss = cross_entropy(scores, batch.targets)
        count = len(batch.targets)
        with torch.no_grad():
            correct = (scores.argmax(dim=1) == batch.targets).sum()
        return Step(loss, {"loss": loss.detach() * count, "correct": correct}, count)

    def baseline(self) -> float:
        """Accuracy on the validation part of always saying the most frequent training label."""
        counts = np.bincount(self.targets["train"], minlength=len(self.labels))
        return float((self.targets["validation"] == counts.argmax()).mean())

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats and ``accuracy`` in 0..1."""
        return {"loss": sums["loss"] / count, "accuracy": sums["correct"] / count}

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        return {
            "name": NAME,
            "data": msgspec.to_builtins(self.data),
            "fingerprints": self.fingerprints,
            "sizes": {part: len(rows.values) for part, rows in self.parts.items()},
        }


def _take(rows: Rows, index: np.ndarray) -> Rows:
    labels = rows.labels
    return Rows(
        [rows.values[i] for i in index],
        None if labels is None else [labels[i] for i in index],
        [rows.places[i] for i in index],
    )
