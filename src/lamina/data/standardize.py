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
        # One sequence at a time: all of them together may not fit in memory.
        count = sum((~np.isnan(s)).sum(axis=0) for s in sequences)
        empty = np.flatnonzero(np.atleast_1d(count) == 0)
        if empty.size:
            raise LaminaError(
                f"feature {empty[0] + 1} of {sequences[0].shape[1]} has no value in any training "
                "sequence; name the features without it"
            )
        mean = sum(np.nansum(s, axis=0, dtype=np.float64) for s in sequences) / count
        squares = sum(np.nansum(np.square(s - mean), axis=0) for s in sequences)
        scale = np.sqrt(squares / count)
        return cls(np.asarray(mean), np.where(scale > 0, scale, 1.0))

    def __call__(self, sequence: np.ndarray) -> np.ndarray:
        """``(T, I)`` float32; what is missing stays so."""
        return ((sequence - self.mean) / self.scale).astype(np.float32)
