"""Noise of three kinds: in labels, in texts, in numbers. Of one generator's state, more noise
keeps what less noise changed, so that levels are compared on the same draw."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np


def relabelled(labels: Sequence[str], share: float, draw: np.random.Generator) -> list[str]:
    """Each label with probability ``share`` drawn anew, evenly from all that occur."""
    names = sorted(set(labels))
    changed = draw.random(len(labels)) < share
    others = draw.integers(len(names), size=len(labels))
    return [names[o] if c else label for label, c, o in zip(labels, changed, others, strict=True)]


def with_typos(texts: Sequence[str], share: float, draw: np.random.Generator) -> list[str]:
    """Each character with probability ``share`` replaced by a letter, left out, or followed by a
    letter, with equal chances; the letters are a to z. No text becomes empty."""
    return [_typed(text, share, draw) or text for text in texts]


def _typed(text: str, share: float, draw: np.random.Generator) -> str:
    slips = draw.random(len(text)) < share
    kinds = draw.integers(3, size=len(text))
    letters = draw.integers(len(ascii_lowercase), size=len(text))
    found: list[str] = []
    for character, slip, kind, letter in zip(text, slips, kinds, letters, strict=True):
        other = ascii_lowercase[letter]
        found.append((other, "", character + other)[kind] if slip else character)
    return "".join(found)


def with_gaussian(
    sequences: Sequence[np.ndarray], deviations: np.ndarray, draw: np.random.Generator
) -> list[np.ndarray]:
    """Arrays ``(T, I)`` with normal noise added, of a standard deviation for each feature."""
    return [x + deviations * draw.standard_normal(x.shape) for x in sequences]
