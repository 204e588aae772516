"""The network that classifies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.tasks.classify.processor import ClassifyProcessor
from lamina.tasks.many_to_one.network import ManyToOne

NAME = "classify"


class Classifier(ManyToOne):
    """:class:`lamina.tasks.many_to_one.network.ManyToOne` whose scores are those of classes."""

    task = NAME
    Processor = ClassifyProcessor

    processor: ClassifyProcessor

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return self.processor.labelling.names

    def predict_proba(self, examples: Sequence[Any], batch_size: int = 64) -> np.ndarray:
        """Probability of each class for texts, or for arrays ``(T, I)``: ``(N, classes)``.

        Raises:
            LaminaError: an example that cannot be read, with its position.
        """
        return self.processor.labelling.probabilities(self.scores(examples, batch_size))

    def predict(self, examples: Sequence[Any]) -> list[str]:
        """The most probable label of each text, or of each array ``(T, I)``; of several labels,
        those above the threshold with the separator between them."""
        labelling = self.processor.labelling
        return [labelling.predicted(row) for row in self.predict_proba(examples)]
