"""Sentences with a label a word, and what a format of them must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.data.read.files import read_utf8


@dataclass(frozen=True)
class Sentence:
    """Words (or residues) in order.

    Attributes:
        words:   At least one; for residues, one string of them all.
        place:   Where it is: file and first line, or file and name.
        labels:  One a word; ``None`` where none were asked for.
        counted: Which labels are trained on and scored; ``None``: all.
        lines:   Its lines in the file, with those before it that belong to no sentence.
        at:      The index in ``lines`` of the line of each word.
        part:    Of the data, where the file says it: ``train``, ``validation`` or ``test``.
    """

    words: Sequence[str]
    place: str
    labels: Sequence[str] | None = None
    counted: Sequence[bool] | None = None
    lines: Sequence[str] = ()
    at: Sequence[int] = ()
    part: str | None = None


class SentenceFormat(ABC):
    """A file format of labelled sentences.

    Attributes:
        name:          How users and saved models name it.
        default_label: The label that is read unless another is named; empty: one must be named.
        word_column:   Whether the column of the word can be chosen.
        residues:      Whether a word is a single character, which has no spelling; labels and mask
                       are then files of their own, and the labels' headers say the parts.
    """

    name: str
    default_label: str
    word_column = False
    residues = False

    @abstractmethod
    def check_label(self, label: str) -> None:
        """Raises LaminaError for a label that the format cannot have."""

    @abstractmethod
    def read(
        self, path: str | Path, *, word: int, label: str | None, mask: str | None
    ) -> list[Sentence]:
        """All sentences of a file.

        Args:
            path: The file.
            word: The column of the word, from 1.
            label: Which label is read, or the file of the labels; ``None``: none is.
            mask: The file that says which labels count; ``None``: all do.

        Raises:
            LaminaError: With the line: the file is broken, or has no such word or label.
        """

    @abstractmethod
    def write(self, sentence: Sentence, labels: Sequence[str], *, label: str) -> str:
        """The lines of a sentence with these labels, for the end of a file."""


def words_with_labels(sentence: Sentence, labels: Sequence[str]) -> str:
    """``word<TAB>label`` lines: how a sentence that came from no file is written."""
    return "\n".join("\t".join(row) for row in zip(sentence.words, labels, strict=True)) + "\n"


@dataclass(frozen=True)
class Paragraph:
    """Lines up to a blank one, with those before them that hold no words.

    Attributes:
        first: The number of the first line in the file, from 1.
        lines: All of them.
        at:    Which hold words (or, in CoNLL-U, may).
    """

    first: int
    lines: list[str]
    at: list[int]


def paragraphs(path: str | Path, document: str | None = None) -> Iterator[Paragraph]:
    """The paragraphs of a file.

    Args:
        path: The file, in UTF-8.
        document: What a line that holds no words begins with; ``None``: every line may hold some.
    """
    first, lines, at = 1, [], []
    text = read_utf8(path).replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if not line.strip("\t "):
            if at:
                yield Paragraph(first, lines, at)
                first, lines, at = number + 1, [], []
            elif lines:
                lines.append(line)
            else:
                first = number + 1
            continue
        if not (document and line.startswith(document)):
            at.append(len(lines))
        lines.append(line)
