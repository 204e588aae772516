"""What is done to a text before it is cut into tokens; a long text may come in pieces."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["char", "word", "space"]
Normalize: TypeAlias = Literal["none", "lower", "letters"]

_NOT_LETTERS = re.compile("[^A-Za-z]+")
#: What ``letters`` puts between two lines. At char level nothing, as the book Dive into Deep
#: Learning (section 9.2) prepares The Time Machine.
_BETWEEN_LINES = {"char": "", "word": " ", "space": "\n"}


class Normalizer:
    """Normalises a text that is given piece by piece, as if it had been given whole.

    Pieces must end behind a space or a line end, all but the last.

    normalize: ``"none"``; ``"lower"``: lower case; ``"letters"``: a-z and single spaces only, lines
               stripped and put end to end (at word level with a space between, at level space
               each still a line).
    """

    def __init__(self, normalize: Normalize, level: Level):
        self._normalize, self._between = normalize, _BETWEEN_LINES[level]
        # Of the line at hand, for "letters": whether it has a letter yet, and a space after it.
        self._begun = self._gap = False

    def __call__(self, piece: str) -> str:
        """What the next piece of the text becomes."""
        if self._normalize == "none":
            return piece
        if self._normalize == "lower":
            return piece.lower()
        out: list[str] = []
        for number, line in enumerate(piece.split("\n")):
            if number:
                out.append(self._between)
                self._begun = self._gap = False
            spaced = _NOT_LETTERS.sub(" ", line).lower()
            letters = spaced.strip(" ")
            if letters:
                if self._begun and (self._gap or spaced[0] == " "):
                    out.append(" ")
                out.append(letters)
                self._begun, self._gap = True, spaced[-1] == " "
            elif spaced:
                self._gap = True
        return "".join(out)
