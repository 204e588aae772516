"""Classification: a label, or several at once, for a text or for a numeric sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from lamina.data import BucketedBatches, Vocabulary, fingerprint, split_rows
from lamina.data.standardize import Standardizer
from lamina.nn import Convolution, Stack, StackOptions, pool
from lamina.nn.convolution import check_convolution
from lamina.nn.dropout import drop, drop_rows, drop_words
from lamina.nn.options import check_embedding
from lamina.spec import Batch, LaminaError, Metric, Model, Part, State, Step
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
from lamina.tasks.labelling import Labelling, ManyLabels, class_weights, label_names, labelling

NAME = "classify"
_UNKNOWN = 0  # in every vocabulary


class ClassifyOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A classifier's shape: the stack's options and

    embedding:         size of a token's vector (texts only).
    embedding_dropout: share of the embedding's outputs set to zero; ``None``: as ``dropout``.
    word_dropout:      share of words that training reads as unknown (texts only).
    convolution:       features of a convolution with rectifier in front of the stack (Zhou et al.
                       2015); ``None``: there is none.
    kernel:            steps in a window of the convolution.
    stride:            steps from one window to the next.
    pooling:           ``last`` (the last valid state), ``mean``, ``max`` or ``attention``.

    ``dropout`` also falls on the embedding and on what the top layer gives, so that a stack of
    one layer has it too.
    """

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    embedding: int = 128
    embedding_dropout: float | None = None
    word_dropout: float = 0.0
    convolution: int | None = None
    kernel: int = 3
    stride: int = 1
    pooling: Literal["last", "mean", "max", "attention"] = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_embedding(self.embedding)
        check_convolution(self.convolution or 1, self.kernel, self.stride)
        if self.convolution is not None and self.convolution < 1:
            raise LaminaError(f"convolution is {self.convolution}; need at least 1 feature")
        for name in ("embedding_dropout", "word_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise LaminaError(f"{name} is {getattr(self, name)}; need 0 <= {name} < 1")


class Classifier(Model):
    """Embedding (texts only), convolution (if asked for), stack, pooling over valid steps, linear
    map to class scores.

    Args:
        options:   the shape.
        inputs:    what it reads.
        fitted:    the vocabulary, or the scale of the features.
        labelling: names of the classes, in the order of the scores, and whether an example has
                   one of them or several.
    """

    task = NAME

    def __init__(
        self, options: ClassifyOptions, inputs: Inputs, fitted: Fitted, labelling: Labelling
    ):
        super().__init__()
        self.options, self.inputs, self.fitted = options, inputs, fitted
        self.labelling = labelling
        if isinstance(inputs, TextInputs):
            assert isinstance(fitted, Vocabulary)
            self.embedding = nn.Embedding(len(fitted), options.embedding)
            nn.init.normal_(self.embedding.weight, std=0.1)
            size = options.embedding
        else:
            self.embedding = None
            size = inputs.size
        self.convolution = None
        if options.convolution is not None:
            self.convolution = Convolution(
                size, options.convolution, options.kernel, options.stride
            )
            size = options.convolution
        shape = {name: getattr(options, name) for name in StackOptions.__struct_fields__}
        self.stack = Stack(size, StackOptions(**shape))
        self.pool = pool(options.pooling, self.stack.outputs, options.directions)
        self.head = nn.Linear(self.stack.outputs, len(labelling.names))

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return self.labelling.names

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tokens ``(T, B)`` or features ``(T, B, I)`` -> scores ``(B, classes)``."""
        x, tokens = self._entering(inputs)
        if self.convolution is not None:
            (x, lengths), tokens = self.convolution(x, lengths, tokens), None
        outputs, _ = self.stack(x, lengths=lengths, tokens=tokens)
        pooled = self.pool(outputs, lengths)  # (B, D*H): no steps are left to lock
        return self.head(drop(pooled, self.options.dropout, "plain", training=self.training))

    def _entering(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features, or a table and its tokens, under dropout in training."""
        if self.embedding is None:
            return inputs, None
        options = self.options
        tokens = drop_words(inputs, options.word_dropout, _UNKNOWN, training=self.training)
        p = options.dropout if options.embedding_dropout is None else options.embedding_dropout
        kind = options.dropout_kind
        return drop_rows(self.embedding.weight, tokens, p, kind, training=self.training)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "inputs": msgspec.to_builtins(self.inputs),
            "labels": self.labels,
            **_threshold(self.labelling),
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
        threshold = config.get("threshold", 0.5)
        if not (isinstance(threshold, float) and 0 < threshold < 1):
            raise LaminaError(f"has threshold {threshold!r}; need 0 < threshold < 1", place=place)
        fitted = fitted_from_json(inputs, assets[inputs.asset], inputs.asset)
        return cls(options, inputs, fitted, labelling(labels, inputs.separator, threshold))

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
        """The most probable label of each text, or of each array ``(T, I)``; of several labels,
        those above the threshold with the separator between them."""
        return [self.labelling.predicted(row) for row in self.predict_proba(examples)]

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
            probabilities[batch.index] = self.labelling.probabilities(scores.float()).cpu()
        self.train(was_training)
        return probabilities.numpy()

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """For people and programs: ``label`` and ``probability`` of each example, or its
        ``labels`` and their ``probabilities``."""
        return [self.labelling.answer(row) for row in self.predict_proba(examples)]


class Classify:
    """Learn to put a label, or several, on a text or on a numeric sequence.

    >>> task = Classify("reviews.csv", text="review", label="sentiment")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=128)                 # doctest: +SKIP

    Args:
        source: a file or the name of a corpus; with ``changes``, the fields of
            :class:`ClassifyData`.

    Raises:
        LaminaError: data that cannot be read, with file and line.
    """

    name = NAME
    metric: Metric  # accuracy; of several labels, micro-F1
    Data = ClassifyData
    Options = ClassifyOptions
    Network = Classifier

    def __init__(self, source: str | Path, **changes: Any):
        values = {"source": as_source(source), **changes}
        self.data = data = struct_from(ClassifyData, values, what="field")
        self.inputs, rows, self.fingerprints = read(data)
        self._split(rows)
        train = self.parts["train"]
        names = label_names(train.labels or (), data.separator)
        self.labelling = labelling(names, data.separator, data.threshold)
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
        self.class_weights = class_weights(
            data.class_weights, self.labelling, self.targets["train"]
        )

    @classmethod
    def for_model(cls, model: Classifier, path: str | Path, **changes: Any) -> Classify:
        """A task whose test part is the file at ``path``, read as ``model`` reads."""
        task = cls.__new__(cls)
        task.inputs, task.fitted, task.labelling = model.inputs, model.fitted, model.labelling
        task.class_weights = None
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
            None if self.data.separator else source.labels,
            fractions=(train / whole, validation / whole, test / whole),
            seed=self.data.split_seed,
        )
        self.parts: dict[str, Rows] = {
            "train": _take(source, found.train),
            "validation": parts.get("validation") or _take(source, found.validation),
            "test": parts.get("test") or _take(source, found.test),
        }

    def _encode(self) -> None:
        self.metric = self.labelling.metric
        self.arrays: dict[str, list[np.ndarray]] = {}
        self.targets: dict[str, np.ndarray] = {}
        for part, rows in self.parts.items():
            self.targets[part] = self.labelling.targets(rows.labels or (), rows.places)
            self.arrays[part] = self.inputs.arrays(rows, self.fitted)  # type: ignore[arg-type]

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return self.labelling.names

    def model(self, options: ClassifyOptions | None = None, /, **changes: Any) -> Classifier:
        """A fresh classifier for these classes and inputs."""
        chosen = changed(options or ClassifyOptions(), changes, what="model option")
        return Classifier(chosen, self.inputs, self.fitted, self.labelling)

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
        """Loss of the batch, weighted and smoothed as the data's fields say, and what the metrics
        need; the loss that is summed up is neither, so that it means the same everywhere."""
        kind = self.labelling
        scores = model(batch.inputs, batch.lengths)
        count = len(batch.targets)
        plain = kind.loss(scores, batch.targets)
        loss = plain
        if self.class_weights is not None or self.data.label_smoothing:
            loss = kind.loss(scores, batch.targets, self.class_weights, self.data.label_smoothing)
        with torch.no_grad():
            sums = kind.sums(scores, batch.targets)
        return Step(loss, {"loss": plain.detach() * count, **sums}, count)

    def baseline(self) -> float:
        """The metric on the validation part of the best answer that reads no input."""
        return self.labelling.baseline(self.targets["train"], self.targets["validation"])

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats and ``accuracy``, or ``micro_f1`` and ``macro_f1``, in 0..1."""
        return {"loss": sums["loss"] / count, **self.labelling.summary(sums, count)}

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


def _threshold(kind: Labelling) -> dict[str, float]:
    """What a model's configuration says of several labels beside their names."""
    return {"threshold": kind.threshold} if isinstance(kind, ManyLabels) else {}
