"""Data that arrives with other packages: nothing is downloaded."""

from __future__ import annotations

import numpy as np

from lamina.data.readers import SequenceTable
from lamina.spec import LaminaError


def digits() -> SequenceTable:
    """Scikit-learn's handwritten digits: 1,797 images read from top to bottom, as ``(8, 8)``
    sequences of 8 rows with 8 grey values in 0..1, in 10 classes.

    Raises LaminaError if scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise LaminaError(
            "the digits come with scikit-learn, which is not installed. "
            "Install it: pip install 'lamina[demo]'."
        ) from None
    images, classes = load_digits(return_X_y=True)
    sequences = (np.asarray(images, dtype=np.float32) / 16).reshape(-1, 8, 8)
    return SequenceTable(
        sequences=list(sequences),
        labels=[str(c) for c in classes],
        ids=[str(i) for i in range(len(sequences))],
        features=[f"pixel_{i}" for i in range(8)],
        path="sklearn.datasets.load_digits",
    )
