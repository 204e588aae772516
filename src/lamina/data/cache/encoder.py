"""Converts a text that arrives in chunks to numbers; tokens are numbered by first appearance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np

from lamina.data.cache.arrays import CountFile
from lamina.data.text.normalize import Level, Normalizer
from lamina.data.text.vocabulary import SPLITTERS, code_points


class Numbers(Protocol):
    """Splits a text into tokens and numbers them."""

    @property
    def tokens(self) -> list[str]:
        """The token of each number."""
        ...

    def __call__(self, text: str) -> np.ndarray:
        """``(T,)``: the number of each token."""
        ...


class Characters:
    """Numbers of code points."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self._table = np.full(0x110000, -1, dtype=np.int32)

    def __call__(self, text: str) -> np.ndarray:
        points = code_points(text)
        numbers = self._table[points]
        if len(numbers) and numbers.min() < 0:
            new = np.unique(points[numbers < 0])
            self._table[new] = np.arange(len(self.tokens), len(self.tokens) + len(new))
            self.tokens += map(chr, new)
            numbers = self._table[points]
        return numbers


class _Growing(dict[str, int]):
    """Numbers of words; an unseen word gets the next number."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class Words:
    """Numbers of words, at level ``word`` or ``space``."""

    def __init__(self, level: Level):
        self._split = SPLITTERS[level]
        self._numbers = _Growing()

    @property
    def tokens(self) -> list[str]:
        return list(self._numbers)

    def __call__(self, text: str) -> np.ndarray:
        words = self._split(text)
        return np.fromiter(map(self._numbers.__getitem__, words), np.int64, len(words))


class Encoder:
    """Writes the numbers of one text to a file and counts them."""

    def __init__(self, file: CountFile, numbers: Numbers, normalizer: Normalizer):
        self._file, self._numbers, self._normalizer = file, numbers, normalizer
        self._held: list[str] = []
        self._counts = np.zeros(0, np.int64)

    def add(self, chunk: str) -> None:
        """Add the next chunk of the text, of any length.

        Text after the last space is held back, so that no word is split, and no line is normalised
        separately from its continuation.
        """
        cut = max(chunk.rfind("\n"), chunk.rfind(" ")) + 1
        if cut:
            self._write("".join((*self._held, chunk[:cut])))
            self._held = []
        self._held.append(chunk[cut:])

    def end(self) -> None:
        """Finish the text."""
        self._write("".join(self._held))
        self._held = []

    def counts(self, size: int) -> np.ndarray:
        """``(size,)`` int64: how often each number was written."""
        counts = np.zeros(size, np.int64)
        counts[: len(self._counts)] = self._counts[:size]
        return counts

    def _write(self, piece: str) -> None:
        numbers = self._numbers(self._normalizer(piece))
        self._file.add(numbers)
        if not len(numbers):
            return
        if (most := int(numbers.max()) + 1) > len(self._counts):
            self._counts = np.pad(self._counts, (0, 2 * most - len(self._counts)))
        if most > len(numbers):  # many words: only those of the piece are looked at
            seen, times = np.unique(numbers, return_counts=True)
            self._counts[seen] += times
        else:
            self._counts[:most] += np.bincount(numbers, minlength=most)


def by_position(chunks: Iterable[str], ends: tuple[int, int] | None) -> Iterator[tuple[int, str]]:
    """The chunks with the number of their part: part 1 begins at character ``ends[0]``, part 2 at
    ``ends[1]``; ``None``: everything is part 0."""
    position = 0
    for chunk in chunks:
        cuts = [0, *(min(max(end - position, 0), len(chunk)) for end in ends or ()), len(chunk)]
        if ends is None:
            yield 0, chunk
        else:
            for part, (start, stop) in enumerate(pairwise(cuts)):
                if start < stop:
                    yield part, chunk[start:stop]
        position += len(chunk)
