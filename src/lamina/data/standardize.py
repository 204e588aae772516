"""Numeric features on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Standardizer:
    """``(x - mean) / scale`` for each feature, with the figures of the training part.

    mean, scale: ``(I,)``. A feature that never changes has scale 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, sequences: Sequence[np.ndarray]) -> Standardizer:
        """Mean and standard deviation over all steps of sequences ``(T, I)``."""
        # One sequence at a time: all of them together may not fit in memory.
        count = sum(map(len, sequences))
        mean = sum(s.sum(axis=0, dtype=np.float64) for s in sequences) / count
        squares = sum(np.square(s - mean).sum(axis=0) for s in sequences)
        scale = np.sqrt(squares / count)
        return cls(np.asarray(mean), np.where(scale > 0, scale, 1.0))

    def __call__(self, sequence: np.ndarray) -> np.ndarray:
        """``(T, I)`` float32."""
        return ((sequence - self.mean) / self.scale).astype(np.float32)
