"""One word a line, its fields in columns: the format of the CoNLL shared tasks."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lamina.data.read.sentences import (
    Paragraph,
    Sentence,
    SentenceFormat,
    paragraphs,
    words_with_labels,
)
from lamina.spec import LaminaError, LaminaWarning
from lamina.spec.counted import counted

DOCUMENT = "-DOCSTART-"
#: The number of a word, of a multiword token, or of an empty node.
_WORD_NUMBER = re.compile(r"\d+(-\d+|\.\d+)?")


class Columns(SentenceFormat):
    """The word and the label in columns; a label is the number of its column."""

    name = "columns"
    default_label = "-1"
    word_column = True

    def check_label(self, label: str) -> None:
        """See :class:`SentenceFormat`."""
        _number(label)

    def read(
        self, path: str | Path, *, word: int, label: str | None, mask: str | None
    ) -> list[Sentence]:
        """See :class:`SentenceFormat`."""
        return read_columns(path, word=word, label=None if label is None else _number(label))

    def write(self, sentence: Sentence, labels: Sequence[str], *, label: str) -> str:
        """The labels in a column behind the others; see :class:`SentenceFormat`."""
        if not sentence.lines:
            return words_with_labels(sentence, labels)
        lines = list(sentence.lines)
        for at, given in zip(sentence.at, labels, strict=True):
            tab = "\t" in lines[at] or len(split_fields(lines[at])) == 1
            lines[at] = lines[at].rstrip(" \t") + ("\t" if tab else " ") + given
        return "\n".join(lines) + "\n"


def _number(label: str) -> int:
    try:
        column = int(label)
    except ValueError:
        column = 0
    if column == 0 or str(column) != label.strip().removeprefix("+"):
        raise LaminaError(
            f"label is {label!r}; need the number of a column, from 1, or from the end from -1"
        )
    return column


def read_columns(path: str | Path, *, word: int, label: int | None) -> list[Sentence]:
    """Sentences from a file with one word a line, its fields in columns, and a blank line after
    each sentence (the form of the CoNLL shared tasks).

    Columns are separated by tabs in lines that have one, else by spaces; every line has the same
    number of them. Lines that begin with ``-DOCSTART-`` are passed over.

    Args:
        path: The file.
        word: The column of the word, from 1, or from the end from -1.
        label: The column of the label, likewise; ``None``: no labels are read.

    Raises:
        LaminaError: With the line: the file is broken, or has no such column.
    """
    found: list[Sentence] = []
    columns: tuple[int, int] | None = None  # how many, and the line that says so
    every = list(paragraphs(path, DOCUMENT))
    universal = is_conllu(every)
    if universal and word == 1:
        raise LaminaError(
            "is CoNLL-U, whose first column numbers the words. Say so: format='conllu'; "
            "or name the columns: word=2 and label=...",
            place=str(path),
        )
    remarks = _remarks(path, every, universal)
    for paragraph in every:
        fields: list[list[str]] = []
        words_at = [at for at in paragraph.at if paragraph.first + at not in remarks]
        if not words_at:
            continue
        for at in words_at:
            row = split_fields(paragraph.lines[at])
            number = paragraph.first + at
            columns = columns or (len(row), number)
            if label == -1 and word == len(row):
                raise LaminaError(
                    f"the last column, {word}, is that of the word; need one of labels behind it, "
                    "with a tab or spaces between them.",
                    place=f"{path}:{number}",
                )
            if len(row) != columns[0]:
                raise LaminaError(
                    f"got {counted(len(row), 'column')}; "
                    f"need {columns[0]}, as in line {columns[1]}. "
                    "Put a blank line between sentences and a value in every column.",
                    place=f"{path}:{number}",
                )
            fields.append(row)
        lines = [paragraph.first + at for at in words_at]
        numbered = list(zip(fields, lines, strict=True))
        words = [_column(row, word, "word", path, line) for row, line in numbered]
        labels = label and [_column(row, label, "label", path, line) for row, line in numbered]
        place = f"{path}:{lines[0]}"
        found.append(Sentence(words, place, labels or None, lines=paragraph.lines, at=words_at))
    if not found:
        raise LaminaError("got no words; need one a line.", place=str(path))
    if len(found) > 1 and max(len(s.words) for s in found) > 1 and all(map(_counts, found)):
        start = int(found[0].words[0])
        raise LaminaError(
            f"the words in column {word} are {', '.join(map(str, range(start, start + 3)))} ... in "
            "each sentence. Name the column of the words: word=2, say.",
            place=found[0].place,
        )
    return found


def is_conllu(found: Sequence[Paragraph]) -> bool:
    """Whether lines have the ten columns of CoNLL-U (or CoNLL-X), the first of them numbers."""
    words = [p.lines[at] for p in found[:50] for at in p.at if not p.lines[at].startswith("#")]
    return bool(words) and all(
        len(row := line.split("\t")) == 10 and _WORD_NUMBER.fullmatch(row[0]) for line in words
    )


def _remarks(path: str | Path, found: Sequence[Paragraph], universal: bool) -> set[int]:
    """The lines that hold no word: comments, which begin with ``#`` before the words of a sentence
    and do not all have the words' number of columns; and in CoNLL-U, multiword tokens and empty
    nodes.

    Warns:
        LaminaWarning: With the number of comments.
    """
    comments: dict[int, int] = {}
    widths: Counter[int] = Counter()
    skipped: set[int] = set()
    for paragraph in found:
        head = True
        for at in paragraph.at:
            line, number = paragraph.lines[at], paragraph.first + at
            head = head and line.startswith("#")
            if head:
                comments[number] = len(split_fields(line))
            else:
                widths[len(split_fields(line))] += 1
            if universal and not line.split("\t")[0].isdigit():
                skipped.add(number)
    usual = widths.most_common(1)[0][0] if widths else 0
    if not usual or all(width == usual for width in comments.values()):
        return skipped  # words, such as "#" itself
    count = counted(len(comments), "line")
    warnings.warn(
        LaminaWarning(f"{path}: passes over {count} that begin with '#' before a sentence."),
        stacklevel=3,
    )
    return skipped | comments.keys()


def _counts(sentence: Sentence) -> bool:
    """Whether its words are the numbers from 0 or 1 on."""
    first = int(sentence.words[0] != "0")
    return all(word == str(n) for n, word in enumerate(sentence.words, start=first))


def split_fields(line: str) -> list[str]:
    """The columns of a line: by tabs where it has one, else by spaces."""
    if "\t" in line:
        return [field.strip(" ") for field in line.split("\t")]
    return [field for field in line.split(" ") if field]


def _column(row: list[str], column: int, what: str, path: str | Path, line: int) -> str:
    at = column - 1 if column > 0 else column
    if not -len(row) <= at < len(row):
        count = counted(len(row), "column")
        raise LaminaError(
            f"no column {column} for the {what}; the line has {count}. Name another.",
            place=f"{path}:{line}",
        )
    if not row[at]:
        raise LaminaError(
            f"the {what} in column {column} is empty; fill it or take the line out.",
            place=f"{path}:{line}",
        )
    return row[at]
