"""The file formats of sequence labelling: how each is read, and written with labels. Kept with the
model, so that it can read new data later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from lamina.data.read.fasta import read_fasta
from lamina.data.read.sentences import (
    CONLLU_LABELS,
    Sentence,
    read_columns,
    read_conllu,
    split_fields,
)
from lamina.spec import LaminaError

Format = Literal["columns", "conllu", "fasta"]
_SUFFIXES: dict[str, Format] = {
    ".conllu": "conllu",
    ".fasta": "fasta",
    ".fas": "fasta",
    ".fa": "fasta",
    ".faa": "fasta",
}


def format_of(path: str) -> Format:
    """The format of a file by its name."""
    return _SUFFIXES.get(Path(path.removesuffix(".gz")).suffix.lower(), "columns")


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
        if self.format == "conllu" and self.label not in CONLLU_LABELS:
            raise LaminaError(f"label is {self.label!r}; of CoNLL-U need upos or xpos")
        if self.format == "columns":
            self._label_column()
        if self.format == "fasta" and not self.label:
            raise LaminaError("need label= (a FASTA file with a label for each residue)")

    @property
    def residues(self) -> bool:
        """Whether a word is a single character, which has no spelling."""
        return self.format == "fasta"

    def read(
        self, path: str | Path, *, labelled: bool = True, mask: str | None = None
    ) -> list[Sentence]:
        """All sentences of a file."""
        if self.format == "fasta":
            return read_fasta(path, labels=self.label if labelled else None, mask=mask)
        if mask is not None:
            raise LaminaError(f"got mask {mask!r}; only FASTA files have one")
        if self.format == "conllu":
            return read_conllu(path, label=self.label if labelled else None)
        return read_columns(path, word=self.word, label=self._label_column() if labelled else None)

    def typed(self, text: str, place: str) -> Sentence:
        """A sentence that was typed: words with white space between, or residues."""
        words = "".join(text.split()) if self.residues else text.split()
        if not words:
            raise LaminaError("is blank; need words with spaces between", place=place)
        return Sentence(words, place)

    def write(self, sentence: Sentence, labels: Sequence[str]) -> str:
        """The lines of ``sentence`` with labels: in a column behind the others, in their column of
        CoNLL-U, or below the residues. Of a sentence without lines: ``word<TAB>label``."""
        if self.residues:
            head = sentence.lines or ("".join(sentence.words),)
            return "\n".join([*head, "".join(labels)])
        if not sentence.lines:
            rows = zip(sentence.words, labels, strict=True)
            return "\n".join("\t".join(row) for row in rows) + "\n"
        lines = list(sentence.lines)
        for at, label in zip(sentence.at, labels, strict=True):
            if self.format == "conllu":
                fields = lines[at].split("\t")
                fields[CONLLU_LABELS[self.label]] = label
                lines[at] = "\t".join(fields)
            else:
                tab = "\t" in lines[at] or len(split_fields(lines[at])) == 1
                lines[at] = lines[at].rstrip(" \t") + ("\t" if tab else " ") + label
        return "\n".join(lines) + "\n"

    def _label_column(self) -> int:
        try:
            column = int(self.label)
        except ValueError:
            column = 0
        if column == 0 or str(column) != self.label.strip().removeprefix("+"):
            raise LaminaError(
                f"label is {self.label!r}; need the number of a column, from 1, or from the end "
                "from -1"
            )
        return column
