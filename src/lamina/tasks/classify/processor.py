"""Everything around a classifier's network: it reads and encodes examples, and turns scores into
answers. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lamina.spec import TYPED_TEXT, LaminaError
from lamina.spec.answers import Answers
from lamina.tasks.classify.inputs import Fitted, Inputs, LabelledExamples, TextInputs, inputs_from
from lamina.tasks.classify.labels import Labelling, ManyLabels, labelling
from lamina.tasks.saved import SavedModel, check_several, no_network


@dataclass(frozen=True)
class ClassifyProcessor(Answers):
    """Reads examples, encodes them, and decodes scores.

    Attributes:
        inputs:    what is read.
        fitted:    the vocabulary, or the scale of the features.
        labelling: names of the classes, in the order of the scores, and whether an example has one
            of them or several.
    """

    inputs: Inputs
    fitted: Fitted
    labelling: Labelling

    @property
    def typed(self) -> str | None:  # type: ignore[override]
        """See :class:`lamina.spec.answers.Answers`."""
        return TYPED_TEXT if isinstance(self.inputs, TextInputs) else None

    def config(self) -> dict[str, Any]:
        """JSON values that :meth:`from_saved` reads."""
        kind = self.labelling
        threshold = {"threshold": kind.threshold} if isinstance(kind, ManyLabels) else {}
        return {"inputs": msgspec.to_builtins(self.inputs), "labels": kind.names, **threshold}

    def assets(self) -> dict[str, str]:
        """Text files by name."""
        return {self.inputs.asset: self.fitted.to_json()}

    @classmethod
    def from_saved(cls, saved: SavedModel) -> ClassifyProcessor:
        """The same from what a run folder keeps of a classifier.

        Raises:
            LaminaError: malformed.
        """
        inputs = inputs_from(saved)
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

    def read(self, path: str | Path) -> Sequence[Any]:
        """Examples from a file of the kind that the model was trained on; it needs no labels."""
        return self.inputs.read(path, labelled=False).values

    def read_labelled(self, path: str | Path) -> tuple[Sequence[Any], list[dict[str, str]]]:
        """The same, with the ``place`` of a text or the ``id`` of a sequence."""
        return self.inputs.read_labelled(path)

    def encode(self, examples: Sequence[Any]) -> list[np.ndarray]:
        """Tokens ``(T,)`` int64 of each text, or features ``(T, I)`` float32 of each sequence.

        Raises:
            LaminaError: an example that cannot be read, with its position.
        """
        check_several(examples)
        if not examples:
            return []
        places = [f"example {i}" for i in range(1, len(examples) + 1)]
        return self.inputs.arrays(LabelledExamples(examples, None, places), self.fitted)  # type: ignore[arg-type]

    def decode(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """``label`` and ``probability`` of each row of ``scores`` ``(N, C)``, or its ``labels`` and
        their ``probabilities``."""
        return [self.labelling.answer(row) for row in self.labelling.probabilities(scores)]

    def answers(self, examples: Sequence[Any]) -> list[dict[str, Any]]:
        """Refused once the examples are encoded: scores come from the network."""
        self.encode(examples)
        raise no_network()
