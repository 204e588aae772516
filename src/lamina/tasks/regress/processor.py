"""Everything around a regressor's network: it reads and encodes examples, and turns scores into
numbers in the unit of the target. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from lamina.data.prepare.standardize import Figures, Standardizer
from lamina.spec import LaminaError
from lamina.tasks.many_to_one.inputs import inputs_from
from lamina.tasks.many_to_one.processor import ExampleProcessor
from lamina.tasks.regress.inputs import TargetedSequences, TargetedTexts
from lamina.tasks.saved import SavedModel


@dataclass(frozen=True)
class RegressProcessor(ExampleProcessor):
    """:class:`lamina.tasks.many_to_one.processor.ExampleProcessor` whose answers are numbers.

    Attributes:
        scale: mean and standard deviation of the training part's targets.
    """

    scale: Standardizer

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def config(self) -> dict[str, Any]:
        """JSON values that :meth:`from_saved` reads."""
        return {**super().config(), "target_scale": msgspec.to_builtins(self.scale.figures())}

    @classmethod
    def from_saved(cls, saved: SavedModel) -> RegressProcessor:
        """The same from what a run folder keeps of a regressor.

        Raises:
            LaminaError: malformed.
        """
        inputs = inputs_from(saved, TargetedTexts, TargetedSequences)
        figures = saved.part("target_scale", Figures)
        if not figures.holds(1):
            raise LaminaError(
                "target_scale needs one mean and one scale, the scale above 0", place=saved.place
            )
        fitted = inputs.fitted(saved.asset(inputs.asset))
        return cls(inputs, fitted, Standardizer.of(figures))

    def values(self, scores: np.ndarray) -> np.ndarray:
        """Scores ``(N, 1)`` in the unit of the target: ``(N,)`` float64."""
        return scores[:, 0] * self.scale.scale + self.scale.mean

    def decode(self, scores: np.ndarray) -> list[dict[str, Any]]:
        """``value`` of each row of ``scores`` ``(N, 1)``."""
        return [{"value": value} for value in self.values(scores).tolist()]

    def show(self, example: Any, answer: Mapping[str, Any]) -> str:
        """The number with all its digits."""
        return str(answer["value"])


#: What :func:`lamina.tasks.load_processor` makes.
PROCESSOR = RegressProcessor
