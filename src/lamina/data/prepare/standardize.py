"""Standardisation of numeric features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import msgspec
import numpy as np

from lamina.spec import LaminaError

#: Numbers that differ by less than this share of their size differ by rounding: a few hundred units
#: in the last place of float64. What differs more was meant to differ.
ROUNDING = 2.0**-44


class Figures(msgspec.Struct, forbid_unknown_fields=True):
    """The stored form of a :class:`Standardizer`."""

    mean: list[float]
    scale: list[float]

    def holds(self, features: int) -> bool:
        """Whether they are valid for this number of features."""
        return len(self.mean) == len(self.scale) == features and all(x > 0 for x in self.scale)


def constant(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Which features of sequences ``(T, I)`` never change, but for rounding: ``(I,)`` bool."""
    # By the range: the mean of equal numbers is rounded, the more the more there are.
    low, high = (
        reduce(ufunc, (ufunc.reduce(s, axis=0) for s in sequences if len(s)))
        for ufunc in (np.fmin, np.fmax)
    )
    return high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high))


@dataclass(frozen=True)
class Standardizer:
    """``(x - mean) / scale`` for each feature, with statistics of the training part.

    Attributes:
        mean, scale: ``(I,)`` float64. A feature that never changes has scale 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, sequences: Sequence[np.ndarray]) -> Standardizer:
        """Mean and standard deviation over all steps of sequences ``(T, I)``; missing values (NaN)
        are ignored.

        Raises:
            LaminaError: a feature has no value at all.
        """
        # One sequence at a time: all of them together may not fit in memory. In float64, since
        # large numbers that differ little (time stamps) are one number in float32.
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
        return cls(np.asarray(mean), np.where(constant(sequences), 1.0, scale))

    def __call__(self, sequence: np.ndarray) -> np.ndarray:
        """``(T, I)`` float32; missing values stay missing."""
        return ((sequence - self.mean) / self.scale).astype(np.float32)

    def figures(self) -> Figures:
        """The form that :meth:`of` reads."""
        return Figures(mean=self.mean.tolist(), scale=self.scale.tolist())

    @classmethod
    def of(cls, figures: Figures) -> Standardizer:
        """The inverse of :meth:`figures`."""
        return cls(np.array(figures.mean), np.array(figures.scale))

    def to_json(self) -> str:
        """The text of ``scale.json``."""
        return msgspec.json.encode(self.figures()).decode()

    @classmethod
    def from_json(cls, text: str, features: int, place: str) -> Standardizer:
        """The inverse of :meth:`to_json`, for this number of features.

        Raises:
            LaminaError: the text is malformed, or has another number of features.
        """
        try:
            read = msgspec.json.decode(text, type=Figures)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise LaminaError(f"is not a scale: {error}", place=place) from None
        if not read.holds(features):
            raise LaminaError(
                f"has {len(read.mean)} means and {len(read.scale)} scales for {features} features; "
                "need one of each, scales above 0",
                place=place,
            )
        return cls.of(read)
