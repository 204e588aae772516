"""Data included in other packages: nothing is downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lamina.data.read.formats.ts import NEED_SKTIME, read_ts
from lamina.data.read.shapes import SequenceTable
from lamina.spec import LaminaError


def digits() -> SequenceTable:
    """Scikit-learn's handwritten digits: 1,797 images read from top to bottom, as ``(8, 8)``
    sequences of 8 rows with 8 grey values in 0..1, in 10 classes.

    Raises:
        LaminaError: scikit-learn is not installed.
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


def japanese_vowels(part: str = "train") -> SequenceTable:
    """Japanese Vowels (Kudo et al. 1999): two vowels by 9 speakers, 12 cepstrum coefficients per
    step, 7 to 29 steps; the official ``"train"`` (270 sequences) and ``"test"`` (370).

    Raises:
        LaminaError: sktime is not installed.
    """
    found = find_spec("sktime")
    if found is None or found.origin is None:
        raise LaminaError(f"japanese_vowels {NEED_SKTIME}")
    folder = Path(found.origin).parent / "datasets" / "data" / "JapaneseVowels"
    return read_ts(folder / f"JapaneseVowels_{part.upper()}.ts", labelled=True)
