"""Values that are missing in a numeric sequence."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

#: ``"refuse"``: a missing value is an error. The rest as :func:`filled`.
MissingValues: TypeAlias = Literal["refuse", "mean", "forward"]


def filled(sequence: np.ndarray, how: Literal["mean", "forward"], *, indicator: bool) -> np.ndarray:
    """A standardised sequence ``(T, I)`` without gaps, which are not-a-number.

    ``"mean"``: a gap becomes 0, the mean of the training part. ``"forward"``: the last value of
    the feature that the sequence has had, and 0 before its first. ``indicator``: ``I`` more
    features that are 1 where a value was missing. Che et al. (2018), *Recurrent Neural Networks
    for Multivariate Time Series with Missing Values*, section 2.2: GRU-Mean, GRU-Forward, and the
    mask of GRU-Simple.

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
