"""Classification: a label, or several at once, for a text or for a numeric sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import torch

from lamina.data import BucketedBatches, Vocabulary, fingerprint
from lamina.data.prepare.standardize import Standardizer
from lamina.spec import Batch, Part, State, Step
from lamina.tasks.base import DataTask
from lamina.tasks.classify import losses
from lamina.tasks.classify.data import ClassifyData, read
from lamina.tasks.classify.inputs import Fitted, LabelledExamples, TextInputs
from lamina.tasks.classify.labels import class_weights, label_names, labelling
from lamina.tasks.classify.network import NAME, Classifier, ClassifyOptions


class Classify(DataTask[Classifier, Batch]):
    """Learn to put a label, or several, on a text or on a numeric sequence.

    >>> task = Classify("reviews.csv", text="review", label="sentiment")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=128)                 # doctest: +SKIP

    The metric is accuracy; of several labels, micro-F1. Fields: :class:`ClassifyData`.
    """

    name = NAME
    Data = ClassifyData
    Options = ClassifyOptions
    Network = Classifier

    data: ClassifyData

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        data = self.data
        self.inputs, self.parts, self.fingerprints = read(data)
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
        weights = class_weights(data.class_weights, self.labelling, self.targets["train"])
        self.class_weights = None if weights is None else torch.from_numpy(weights)

    @classmethod
    def known(cls, model: Classifier) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`: the columns."""
        name = "text" if isinstance(model.inputs, TextInputs) else "id"
        return {"label": model.inputs.label, name: getattr(model.inputs, name)}

    def follow(self, model: Classifier, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        self.inputs, self.fitted, self.labelling = model.inputs, model.fitted, model.labelling
        self.class_weights = None
        path, empty = self.data.source, LabelledExamples([], [], [])
        test = msgspec.structs.replace(model.inputs, label=self.data.label).read(path)
        self.parts = {"train": empty, "validation": empty, "test": test}
        self.fingerprints = {path: fingerprint(path)}
        self._encode()

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

    def network(self, options: ClassifyOptions) -> Classifier:
        """A fresh classifier for these classes and inputs."""
        return Classifier(options, self.inputs, self.fitted, self.labelling)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """Length-bucketed batches; shuffled for training only."""
        return BucketedBatches(
            self.arrays[part],
            self.targets[part],
            batch_size=self.data.batch_size,
            shuffle=part == "train",
            seed=seed,
            epoch=epoch,
            part=part,
        )

    def step(self, model: Classifier, batch: Batch, state: State | None) -> Step:
        """Loss of the batch, weighted and smoothed as the data's fields say, and what the metrics
        need; the loss that is summed up is neither, so that it means the same everywhere."""
        kind = self.labelling
        scores = model(batch.inputs, batch.lengths)
        count = len(batch.targets)
        plain = losses.loss(kind, scores, batch.targets)
        loss = plain
        if self.class_weights is not None or self.data.label_smoothing:
            loss = losses.loss(
                kind, scores, batch.targets, self.class_weights, self.data.label_smoothing
            )
        with torch.no_grad():
            sums = losses.sums(kind, scores, batch.targets)
        return Step(loss, {"loss": plain.detach() * count, **sums}, count)

    def baseline(self) -> float:
        """The metric on the validation part of the best answer that reads no input."""
        return self.labelling.baseline(self.targets["train"], self.targets["validation"])

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss`` in nats and ``accuracy``, or ``micro_f1`` and ``macro_f1``, in 0..1."""
        return {**super().summary(sums, count), **self.labelling.summary(sums, count)}

    def sizes(self) -> dict[str, int]:
        """Examples in each part."""
        return {part: len(rows.values) for part, rows in self.parts.items()}
