"""Sentences with a label a word, from columns or CoNLL-U; a reader for each format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.data.read.files import read_utf8
from lamina.data.read.rows import shown
from lamina.spec import LaminaError

DOCUMENT = "-DOCSTART-"
_CONLLU_COLUMNS = 10
#: The columns of CoNLL-U that can be the label, and where they stand.
CONLLU_LABELS = {"upos": 3, "xpos": 4}


@dataclass(frozen=True)
class Sentence:
    """Words (or residues) in order.

    words:   at least one; for residues one string of them all.
    place:   where it stands: file and first line, or file and name.
    labels:  one a word; ``None`` where none were asked for.
    counted: which labels are trained on and scored; ``None``: all.
    lines:   its lines as they stand in the file, with those before it that belong to no sentence.
    at:      which of ``lines`` is the line of each word.
    part:    of the data, where the file says it: ``train``, ``validation`` or ``test``.
    """

    words: Sequence[str]
    place: str
    labels: Sequence[str] | None = None
    counted: Sequence[bool] | None = None
    lines: Sequence[str] = ()
    at: Sequence[int] = ()
    part: str | None = None


def read_columns(path: str | Path, *, word: int, label: int | None) -> list[Sentence]:
    """Sentences from a file with one word a line, its fields in columns, and a blank line after
    each sentence (the form of the CoNLL shared tasks).

    Columns are separated by tabs in lines that have one, else by spaces; every line has the same
    number of them. Lines that begin with ``-DOCSTART-`` are passed over. Columns count from 1, or
    from the end from -1; ``label=None`` reads no labels.

    Raises LaminaError, with the line, for a file that is broken, and a column that is not there.
    """
    found: list[Sentence] = []
    columns: tuple[int, int] | None = None  # how many, and the line that says so
    for block in _blocks(path, document=True):
        fields: list[list[str]] = []
        for at in block.at:
            row = split_fields(block.lines[at])
            number = block.first + at
            columns = columns or (len(row), number)
            if label == -1 and word == len(row):
                raise LaminaError(
                    f"the last column, {word}, is that of the word; need one of labels behind it, "
                    "with a tab or spaces between them.",
                    place=f"{path}:{number}",
                )
            if len(row) != columns[0]:
                raise LaminaError(
                    f"got {len(row)} columns; need {columns[0]}, as in line {columns[1]}. "
                    "Put a blank line between sentences and a value in every column.",
                    place=f"{path}:{number}",
                )
            fields.append(row)
        number = block.first + block.at[0]
        words = [_column(row, word, "word", path, block.number(k)) for k, row in enumerate(fields)]
        labels = label and [
            _column(row, label, "label", path, block.number(k)) for k, row in enumerate(fields)
        ]
        found.append(
            Sentence(words, f"{path}:{number}", labels or None, lines=block.lines, at=block.at)
        )
    if not found:
        raise LaminaError("got no words; need one a line.", place=str(path))
    return found


def read_conllu(path: str | Path, *, label: str | None) -> list[Sentence]:
    """Sentences from a CoNLL-U file (universaldependencies.org/format): syntactic words; comments,
    ranges such as ``1-2`` and empty nodes such as ``8.1`` are passed over.

    label: ``upos``, ``xpos``, or ``None``: no labels are read.

    Raises LaminaError, with the line, for a file that is broken, and a word without a label.
    """
    found: list[Sentence] = []
    for block in _blocks(path, document=False):
        words: list[str] = []
        labels: list[str] = []
        at: list[int] = []
        for k, line in enumerate(block.lines):
            if not line.strip() or line.startswith("#"):
                continue
            place = f"{path}:{block.first + k}"
            fields = line.split("\t")
            if len(fields) != _CONLLU_COLUMNS:
                raise LaminaError(
                    f"got {len(fields)} columns; CoNLL-U has {_CONLLU_COLUMNS}, separated by tabs.",
                    place=place,
                )
            if "-" in fields[0] or "." in fields[0]:
                continue
            if fields[0] != str(len(words) + 1):
                raise LaminaError(
                    f"got word number {shown(fields[0])}; need {len(words) + 1}. Put a blank line "
                    "between sentences, and number the words of each from 1.",
                    place=place,
                )
            if not fields[1].strip():
                raise LaminaError("the word is empty; need one.", place=place)
            words.append(fields[1])
            at.append(k)
            if label is not None:
                value = fields[CONLLU_LABELS[label]].strip()
                if value in ("", "_"):
                    raise LaminaError(
                        f"the word {shown(fields[1])} has no {label}; fill it, or take the "
                        "sentence out.",
                        place=place,
                    )
                labels.append(value)
        if words:
            place = f"{path}:{block.first + at[0]}"
            found.append(
                Sentence(words, place, labels if label else None, lines=block.lines, at=at)
            )
    if not found:
        raise LaminaError("got no words; need sentences of CoNLL-U.", place=str(path))
    return found


def split_fields(line: str) -> list[str]:
    """The columns of a line: by tabs where it has one, else by spaces."""
    if "\t" in line:
        return [field.strip(" ") for field in line.split("\t")]
    return [field for field in line.split(" ") if field]


def _column(row: list[str], column: int, what: str, path: str | Path, line: int) -> str:
    at = column - 1 if column > 0 else column
    if not -len(row) <= at < len(row):
        count = "1 column" if len(row) == 1 else f"{len(row)} columns"
        raise LaminaError(
            f"the {what} should stand in column {column}, and there are {count}. Name another.",
            place=f"{path}:{line}",
        )
    if not row[at]:
        raise LaminaError(
            f"the {what} in column {column} is empty; fill it or take the line out.",
            place=f"{path}:{line}",
        )
    return row[at]


@dataclass(frozen=True)
class _Block:
    """Lines up to a blank one, with those before them that hold no words.

    first: the number of the first line in the file, from 1.
    at:    which lines hold words (or, in CoNLL-U, may).
    """

    first: int
    lines: list[str]
    at: list[int]

    def number(self, k: int) -> int:
        return self.first + self.at[k]


def _blocks(path: str | Path, *, document: bool) -> Iterator[_Block]:
    """``document``: lines that start with ``-DOCSTART-`` hold no words."""
    first, lines, at = 1, [], []
    text = read_utf8(path).replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if not line.strip("\t "):
            if at:
                yield _Block(first, lines, at)
                first, lines, at = number + 1, [], []
            elif lines:
                lines.append(line)
            else:
                first = number + 1
            continue
        if not (document and line.startswith(DOCUMENT)):
            at.append(len(lines))
        lines.append(line)
