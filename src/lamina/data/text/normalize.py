"""Text normalisation before tokenisation; a long text may be passed in pieces."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["char", "word", "space"]
Normalize: TypeAlias = Literal["none", "lower", "letters"]

_NOT_LETTERS = re.compile("[^A-Za-z]+")
#: Inserted by ``letters`` between two lines. At char level nothing, as in the preparation of The
#: Time Machine in the book Dive into Deep Learning (section 9.2).
_BETWEEN_LINES = {"char": "", "word": " ", "space": "\n"}


def composed(text: str) -> str:
    """``text`` in Normalization Form C (Unicode Standard Annex 15): an accent that some programs
    write as a character of its own becomes one with its letter."""
    return unicodedata.normalize("NFC", text)


class Normalizer:
    """Normalises a text piece by piece, with the same result as for the whole text.

    All pieces but the last must end after a space or a line end.

    Args:
        normalize: ``"none"``; ``"lower"``: lower case; ``"letters"``: a-z and single spaces only,
            lines stripped and concatenated (at word level with a space in between, at level space
            as separate lines).
        level: Token level, as in :class:`lamina.data.text.vocabulary.Vocabulary`.
        compose: Whether canonically equivalent texts become the same (:func:`composed`) first.
    """

    def __init__(self, normalize: Normalize, level: Level, *, compose: bool = True):
        self._compose = compose
        self._normalize, self._between = normalize, _BETWEEN_LINES[level]
        # State of the current line, for "letters": whether it has a letter yet, and a space after
        # it.
        self._begun = self._gap = False

    def __call__(self, piece: str) -> str:
        """Normalise the next piece of the text."""
        if self._compose:  # no sequence that composes goes over a space or a line end
            piece = composed(piece)
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
