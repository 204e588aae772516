"""Several texts as one stream of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lamina.spec import LaminaError

#: A stream is cut into at most about so many pieces: what is kept of each is small.
_MOST_PIECES = 1_000_000


class Tokens(Protocol):
    """A text as numbers: an array, or what can be read like one."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: np.ndarray, /) -> np.ndarray:
        """The tokens at ``positions``, of any shape."""
        ...


class Renumbered:
    """Numbers ``(T,)`` seen through a table ``(V,)``: each is looked up when it is read, so that a
    text may stay where it lies."""

    def __init__(self, ids: np.ndarray, table: np.ndarray):
        self.ids, self.table = ids, table

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, positions: np.ndarray | slice) -> np.ndarray:
        return self.table[self.ids[positions]]


class Mixture:
    """A stream of pieces of several texts, each with its share of the tokens.

    The stream is as long as the texts that have a share are together. Its pieces are
    ``piece_tokens`` long. A text's pieces follow each other as in the text, from a start that is
    drawn, and behind its end from its beginning again; whose piece comes when is drawn too.

    sources:      the texts, none empty.
    shares:       of the tokens, one a text, whatever they add up to. ``None``: each text's length.
    piece_tokens: tokens in a row from one text, at least; more where the stream is very long.
    rng:          draws; it alone decides, so that any position can be read at any time.
    """

    def __init__(
        self,
        sources: Sequence[Tokens],
        shares: Sequence[float] | None,
        *,
        piece_tokens: int,
        rng: np.random.Generator,
    ):
        lengths = np.array([len(source) for source in sources], np.int64)
        parts = np.asarray(lengths if shares is None else shares, np.float64)
        if len(empty := np.flatnonzero((lengths == 0) & (parts > 0))):
            raise LaminaError(f"text {empty[0] + 1} of {len(sources)} has no tokens to mix.")
        total = int(lengths[parts > 0].sum())
        self._piece = max(min(piece_tokens, total), total // _MOST_PIECES)
        counts = apportion(parts, max(total // self._piece, 1))
        self._sources, self._lengths = sources, lengths
        self._source = rng.permutation(np.repeat(np.arange(len(sources), dtype=np.int32), counts))
        self._starts = np.empty(len(self._source), np.int64)
        for number, length in enumerate(lengths):
            mine = np.flatnonzero(self._source == number)
            if len(mine):
                first = int(rng.integers(length))
                self._starts[mine] = (first + self._piece * np.arange(len(mine))) % length

    def __len__(self) -> int:
        return self._piece * len(self._source)

    def __getitem__(self, positions: np.ndarray) -> np.ndarray:
        piece, inside = np.divmod(positions, self._piece)
        source = self._source[piece]
        at = (self._starts[piece] + inside) % self._lengths[source]
        tokens = np.empty(positions.shape, np.int64)
        for number in np.unique(source):
            mine = source == number
            tokens[mine] = self._sources[number][at[mine]]
        return tokens


def apportion(shares: np.ndarray, seats: int) -> np.ndarray:
    """``seats`` whole pieces in proportion to ``shares`` (largest remainders); at least one for
    each share above 0."""
    exact = seats * shares / shares.sum()
    counts = np.floor(exact).astype(np.int64)
    left = np.argsort(counts - exact, kind="stable")[: seats - int(counts.sum())]
    counts[left] += 1
    return np.maximum(counts, shares > 0)
