"""Classification: a label, or several at once, for a text or for a numeric sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from lamina.spec import Batch, Metric, State, Step
from lamina.tasks.classify import losses
from lamina.tasks.classify.data import ClassifyData, read, refuse_columns
from lamina.tasks.classify.labels import (
    Labelling,
    class_weights,
    label_names,
    labelling,
    split_labels,
)
from lamina.tasks.classify.network import NAME, Classifier
from lamina.tasks.classify.processor import ClassifyProcessor
from lamina.tasks.describe import Facts, occurrences
from lamina.tasks.many_to_one.data import fit_inputs
from lamina.tasks.many_to_one.inputs import Examples
from lamina.tasks.many_to_one.task import ManyToOneTask


class Classify(ManyToOneTask[Classifier]):
    """Learn to put a label, or several, on a text or on a numeric sequence.

    >>> task = Classify("reviews.csv", text="review", label="sentiment")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=128)                 # doctest: +SKIP

    The metric is accuracy; of several labels, micro-F1. Fields: :class:`ClassifyData`.
    """

    name = NAME
    Data = ClassifyData
    Network = Classifier

    data: ClassifyData
    processor: ClassifyProcessor

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        data = self.data
        inputs, parts, self.fingerprints = read(data)
        train = parts["train"]
        names = label_names(train.answers or (), data.separator)
        kind = labelling(names, data.separator, data.threshold)
        self.place(ClassifyProcessor(inputs, fit_inputs(data, inputs, train), kind), parts)
        weights = class_weights(data.class_weights, kind, self.targets["train"])
        self.class_weights = None if weights is None else torch.from_numpy(weights)

    def follow(self, model: Classifier, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        refuse_columns(self.data, given)
        self.class_weights = None
        super().follow(model, given)

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        fields, separator = self.parts["train"].answers or (), self.data.separator
        names = (name for field in fields for name in split_labels(field, separator))
        return {**super().describe(), "classes": occurrences(names)}

    def encoded(self, examples: Examples) -> np.ndarray:
        """Numbers of the labels; see :class:`lamina.tasks.many_to_one.task.ManyToOneTask`."""
        return self.labelling.targets(examples.answers or (), examples.places)

    @property
    def labelling(self) -> Labelling:
        """What the scores mean."""
        return self.processor.labelling

    @property
    def metric(self) -> Metric:  # type: ignore[override]
        """Accuracy, or micro-F1."""
        return self.labelling.metric

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return self.labelling.names

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
