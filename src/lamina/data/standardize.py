"""Numeric features on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.spec import LaminaError


@dataclass(frozen=True)
class Standardizer:
    """``(x - mean) / scale`` for each feature, with the figures of the training part.

    mean, scale: ``(I,)``. A feature that never changes has scale 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, sequences: Sequence[np.ndarray]) -> Standardizer:
        """Mean and standard deviation over all steps of sequences ``(T, I)``; what is missing
        (not-a-number) does not count.

        Raises:
            LaminaError: a feature has no value at all.
        """
        steps = np.concatenate(sequences).astype(np.float64)
        empty = np.flatnonzero(np.isnan(steps).all(axis=0))
        if empty.size:
            raise LaminaError(
                f"feature {empty[0] + 1} of {steps.shape[1]} has no value in any training "
                "sequence; name the features without it"
            )
        scale = np.nanstd(steps, axis=0)
        return cls(np.nanmean(steps, axis=0), np.where(scale > 0, scale, 1.0))

    def __call__(self, sequence: np.ndarray) -> np.ndarray:
        """``(T, I)`` float32; what is missing stays so."""
        return ((sequence - self.mean) / self.scale).astype(np.float32)
