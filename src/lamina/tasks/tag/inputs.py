"""The file formats of sequence labelling: how each is read, and written with labels. Kept with the
model, so that it can read new data later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from lamina.data.read.registry import SENTENCES
from lamina.data.read.sentences import Sentence, SentenceFormat
from lamina.spec import LaminaError

#: The formats of sentences by the name that users and saved models give them.
FORMATS: dict[str, SentenceFormat] = {r.read.name: r.read for r in SENTENCES.readers}

if TYPE_CHECKING:
    Format: TypeAlias = str
    GivenFormat: TypeAlias = str
else:  # a format that is registered is a choice
    Format = Literal[tuple(FORMATS)]
    GivenFormat = Literal[("auto", *FORMATS)]


class TagInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sentences, or sequences of residues, from a file.

    format: of the file.
    word:   the column of the word, from 1; of ``columns`` only.
    label:  the column of the label: a number (``-1``: the last), ``upos`` or ``xpos``; of
            ``fasta`` a file.
    """

    format: Format
    word: int = 1
    label: str = "-1"

    def __post_init__(self) -> None:
        if self.word == 0:
            raise LaminaError("word is 0; columns count from 1")
        self._format.check_label(self.label)

    @property
    def _format(self) -> SentenceFormat:
        return FORMATS[self.format]

    @property
    def residues(self) -> bool:
        """Whether a word is a single character, which has no spelling."""
        return self._format.residues

    def read(
        self, path: str | Path, *, labelled: bool = True, mask: str | None = None
    ) -> list[Sentence]:
        """All sentences of a file."""
        if mask is not None and not self.residues:
            raise LaminaError(f"got mask {mask!r}; only FASTA files have one")
        label = self.label if labelled else None
        return self._format.read(path, word=self.word, label=label, mask=mask)

    def typed(self, text: str, place: str) -> Sentence:
        """A sentence that was typed: words with white space between, or residues."""
        words = "".join(text.split()) if self.residues else text.split()
        if not words:
            raise LaminaError("is blank; need words with spaces between", place=place)
        return Sentence(words, place)

    def write(self, sentence: Sentence, labels: Sequence[str]) -> str:
        """The lines of ``sentence`` with labels: in a column behind the others, in their column of
        CoNLL-U, or below the residues. Of a sentence without lines: ``word<TAB>label``."""
        return self._format.write(sentence, labels, label=self.label)
