"""Connectionist temporal classification: from scores of frames to tokens.

Graves et al. (2006), *Connectionist Temporal Classification*: an alignment gives each frame a token
or the blank; it stands for the tokens that are left when repetitions are merged and blanks taken
out (their map B). The decoders take frames as they come, so that a stream needs nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lamina.spec import LaminaError


def frames_needed(tokens: np.ndarray) -> int:
    """The fewest frames that ``tokens`` ``(S,)`` can be aligned with: one each, and a blank between
    two that are equal."""
    return len(tokens) + int((tokens[1:] == tokens[:-1]).sum())


class CTCDecoder(Protocol):
    """Reads the frames of one recording."""

    def feed(self, log_probs: np.ndarray) -> None:
        """The next frames ``(T, V)``, natural logarithms."""
        ...

    def tokens(self) -> list[int]:
        """The tokens up to now."""
        ...


class GreedyCTC:
    """The tokens of the most probable alignment (Graves et al. 2006, section 3.2, best path).

    Args:
        blank: the number of the blank.
    """

    def __init__(self, blank: int):
        self._blank, self._last = blank, blank
        self._tokens: list[int] = []

    def feed(self, log_probs: np.ndarray) -> None:
        """See :class:`CTCDecoder`."""
        if not len(log_probs):
            return
        best = log_probs.argmax(axis=1)
        before = np.concatenate(([self._last], best[:-1]))
        self._tokens += best[(best != before) & (best != self._blank)].tolist()
        self._last = int(best[-1])

    def tokens(self) -> list[int]:
        """See :class:`CTCDecoder`."""
        return list(self._tokens)


class PrefixBeam:
    """The most probable tokens, all their alignments summed up, as far as a beam can tell: Hannun
    et al. (2014), *First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional
    Recurrent DNNs*, algorithm 1, without a language model.

    For each prefix there are two probabilities: of the alignments that end in a blank, and of those
    that end in its last token. A beam that holds every prefix gives the exact answer.

    Args:
        blank: the number of the blank.
        width: how many prefixes are kept after each frame.
    """

    def __init__(self, blank: int, width: int):
        if width < 1:
            raise LaminaError(f"beam is {width}; need at least 1")
        self._blank, self._width = blank, width
        # Prefixes are nodes of a tree: each its parent and its last token. Node 0 is empty.
        self._parents, self._lasts = [-1], [blank]
        self._children: dict[tuple[int, int], int] = {}
        self._nodes = np.zeros(1, np.int64)
        self._in_blank = np.zeros(1)  # ln 1: nothing was read
        self._in_token = np.full(1, -np.inf)

    def feed(self, log_probs: np.ndarray) -> None:
        """See :class:`CTCDecoder`."""
        with np.errstate(invalid="ignore"):
            for frame in log_probs.astype(np.float64):
                self._step(frame)

    def _step(self, frame: np.ndarray) -> None:
        """One frame ``(V,)``; ``P`` prefixes become at most ``width``."""
        nodes, rows = self._nodes, np.arange(len(self._nodes))
        parents = np.array([self._parents[n] for n in nodes])
        lasts = np.array([self._lasts[n] for n in nodes])  # of the empty one: the blank
        ended = np.logaddexp(self._in_blank, self._in_token)
        # A prefix stays what it is: by a blank, or by its last token once more.
        stay_blank = ended + frame[self._blank]
        stay_token = self._in_token + frame[lasts]
        # Or a token joins it; its own last one only after a blank.
        grown = ended[:, None] + frame
        grown[rows, lasts] = self._in_blank + frame[lasts]
        grown[:, self._blank] = -np.inf
        # What a parent in the beam grows into may be in the beam already: one prefix, one sum.
        parent, child = np.nonzero(nodes[:, None] == parents)
        stay_token[child] = np.logaddexp(stay_token[child], grown[parent, lasts[child]])
        grown[parent, lasts[child]] = -np.inf

        scores = np.concatenate((np.logaddexp(stay_blank, stay_token), grown.ravel()))
        kept = np.arange(len(scores))
        if len(scores) > self._width:
            kept = np.argpartition(-scores, self._width - 1)[: self._width]
        kept = np.sort(kept[scores[kept] > -np.inf])
        if not len(kept):  # a frame that gives nothing a probability
            kept = np.array([ended.argmax()])
        old, new = kept[kept < len(nodes)], kept[kept >= len(nodes)] - len(nodes)
        origins, tokens = np.divmod(new, len(frame))
        made = [self._child(int(nodes[o]), int(t)) for o, t in zip(origins, tokens, strict=True)]
        self._nodes = np.concatenate((nodes[old], np.array(made, np.int64)))
        self._in_blank = np.concatenate((stay_blank[old], np.full(len(new), -np.inf)))
        self._in_token = np.concatenate((stay_token[old], grown.ravel()[new]))

    def _child(self, node: int, token: int) -> int:
        """The node of a prefix and one token more; a prefix that comes back finds its own."""
        found = self._children.get((node, token))
        if found is None:
            found = self._children[node, token] = len(self._parents)
            self._parents.append(node)
            self._lasts.append(token)
        return found

    @property
    def _totals(self) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # not-a-number goes through
            return np.logaddexp(self._in_blank, self._in_token)

    def scores(self) -> dict[tuple[int, ...], float]:
        """The prefixes in the beam, and the logarithm of what their alignments sum to."""
        paths = (tuple(self._path(int(node))) for node in self._nodes)
        return dict(zip(paths, self._totals.tolist(), strict=True))

    def tokens(self) -> list[int]:
        """See :class:`CTCDecoder`."""
        return self._path(int(self._nodes[self._totals.argmax()]))

    def _path(self, node: int) -> list[int]:
        path: list[int] = []
        while node:
            path.append(self._lasts[node])
            node = self._parents[node]
        return path[::-1]


def decoder(blank: int, beam: int) -> CTCDecoder:
    """The decoder of a beam's width: 1 is greedy."""
    return GreedyCTC(blank) if beam == 1 else PrefixBeam(blank, beam)


def decode(log_probs: Sequence[np.ndarray], blank: int, beam: int) -> list[list[int]]:
    """The tokens of each recording, from its frames ``(T, V)``."""
    found = []
    for frames in log_probs:
        one = decoder(blank, beam)
        one.feed(frames)
        found.append(one.tokens())
    return found
