"""Sentences with one label per word, and the interface of their formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.data.read.files import read_lines


@dataclass(frozen=True)
class Sentence:
    """Words (or residues) in order.

    Attributes:
        words: At least one; residues are one string, with a character for each.
        place: Its location: file and first line, or file and name.
        labels: One per word; ``None`` if no labels were read.
        counted: Which labels are trained on and scored; ``None`` means all.
        lines: Its lines in the file, with preceding lines that belong to no sentence.
        at: The index in ``lines`` of each word's line.
        part: ``train``, ``validation`` or ``test`` if the file assigns it, else ``None``.
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
        name: Its name on the command line and in saved models.
        default_label: The label that is read by default; if empty, one must be named.
        word_column: Whether the column of the word can be chosen.
        residues: Whether a word is a single character. Labels and mask are then separate files,
            and the headers of the label file may assign parts.
    """

    name: str
    default_label: str
    word_column = False
    residues = False

    @abstractmethod
    def check_label(self, label: str) -> None:
        """Check the name of a label.

        Raises:
            LaminaError: The format cannot have such a label.
        """

    @abstractmethod
    def read(
        self, path: str | Path, *, word: int, label: str | None, mask: str | None
    ) -> list[Sentence]:
        """All sentences of a file.

        Args:
            path: The file.
            word: The column of the word, counted from 1.
            label: The label to read, or the file of labels; ``None`` reads none.
            mask: The file that says which labels count; ``None`` means all.

        Raises:
            LaminaError: The file is malformed, or lacks the word or the label. With the line.
        """

    @abstractmethod
    def write(self, sentence: Sentence, labels: Sequence[str], *, label: str) -> str:
        """The text of a sentence with these labels, to be appended to a file."""


def words_with_labels(sentence: Sentence, labels: Sequence[str]) -> str:
    """``word<TAB>label`` lines, for a sentence that did not come from a file."""
    return "\n".join("\t".join(row) for row in zip(sentence.words, labels, strict=True)) + "\n"


@dataclass(frozen=True)
class Paragraph:
    """Lines up to a blank one, with preceding lines that hold no words.

    Attributes:
        first: The number of its first line in the file, from 1.
        lines: All its lines.
        at: The indices of lines that hold words (in CoNLL-U, that may hold words).
    """

    first: int
    lines: list[str]
    at: list[int]


def paragraphs(path: str | Path, document: str | None = None) -> Iterator[Paragraph]:
    """The paragraphs of a file.

    Args:
        path: The file, in UTF-8.
        document: The start of lines that hold no words; ``None`` means that every line may.
    """
    first, lines, at = 1, [], []
    for number, line in enumerate([*read_lines(path), ""], start=1):
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
