"""Missing values in a numeric sequence."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

#: ``"refuse"``: a missing value is an error. The others: see :func:`filled`.
MissingValues: TypeAlias = Literal["refuse", "mean", "forward"]


def filled(sequence: np.ndarray, how: Literal["mean", "forward"], *, indicator: bool) -> np.ndarray:
    """A standardised sequence ``(T, I)`` with its gaps (NaN) filled.

    Che et al. (2018), *Recurrent Neural Networks for Multivariate Time Series with Missing Values*,
    section 2.2: GRU-Mean, GRU-Forward, and the mask of GRU-Simple.

    Args:
        sequence: ``(T, I)``.
        how: ``"mean"``: a gap becomes 0, the mean of the training part. ``"forward"``: the last
            value of the feature in the sequence, and 0 before its first.
        indicator: whether to append ``I`` features that are 1 where a value was missing.

    Returns:
        ``(T, I)``, with the indicator ``(T, 2 I)``; no step reads a later one.
    """
    gaps = np.isnan(sequence)
    whole = sequence
    if how == "forward":
        seen = np.where(gaps, 0, np.arange(len(sequence))[:, None])
        whole = np.take_along_axis(sequence, np.maximum.accumulate(seen, axis=0), axis=0)
    whole = np.where(np.isnan(whole), 0, whole).astype(sequence.dtype)
    return np.concatenate((whole, gaps.astype(whole.dtype)), axis=1) if indicator else whole
