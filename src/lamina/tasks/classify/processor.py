"""Everything around a classifier's network: it reads and encodes examples, and turns scores into
answers. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.spec import LaminaError
from lamina.tasks.classify.inputs import LabelledSequences, LabelledTexts
from lamina.tasks.classify.labels import Labelling, ManyLabels, labelling
from lamina.tasks.many_to_one.inputs import inputs_from
from lamina.tasks.many_to_one.processor import ExampleProcessor
from lamina.tasks.saved import SavedModel


@dataclass(frozen=True)
class ClassifyProcessor(ExampleProcessor):
    """:class:`lamina.tasks.many_to_one.processor.ExampleProcessor` whose answers are labels.

    Attributes:
        labelling: names of the classes, in the order of the scores, and whether an example has one
            of them or several.
    """

    labelling: Labelling

    @property
    def outputs(self) -> int:
        """The number of classes."""
        return len(self.labelling.names)

    def config(self) -> dict[str, Any]:
        """JSON values that :meth:`from_saved` reads."""
        kind = self.labelling
        threshold = {"threshold": kind.threshold} if isinstance(kind, ManyLabels) else {}
        return {**super().config(), "labels": kind.names, **threshold}

    @classmethod
    def from_saved(cls, saved: SavedModel) -> ClassifyProcessor:
        """The same from what a run folder keeps of a classifier.

        Raises:
            LaminaError: malformed.
        """
        inputs = inputs_from(saved, LabelledTexts, LabelledSequences)
        labels = saved.config.get("labels")
        if not (isinstance(labels, list) and all(isinstance(name, str) for name in labels)):
            raise LaminaError("has no list of labels", place=saved.place)
        threshold = saved.config.get("threshold", 0.5)
        if not (isinstance(threshold, float) and 0 < threshold < 1):
            raise LaminaError(
                f"has threshold {threshold!r}; need 0 < threshold < 1", place=saved.place
            )
        fitted = inputs.fitted(saved.asset(inputs.asset))
        return cls(inputs, fitted, labelling(labels, inputs.separator, threshold))

    def decode(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """``label`` and ``probability`` of each row of ``scores`` ``(N, C)``, or its ``labels`` and
        their ``probabilities``."""
        return [self.labelling.answer(row) for row in self.labelling.probabilities(scores)]


#: What :func:`lamina.tasks.load_processor` makes.
PROCESSOR = ClassifyProcessor
