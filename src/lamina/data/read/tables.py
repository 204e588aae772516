"""Files that users bring: a text, a table of texts, a table of sequences.

A reader gives what the file says or raises LaminaError with the line; it never guesses, repairs
or leaves out a row.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from lamina.data.read.files import fingerprint, utf8_chunks
from lamina.data.read.rows import Rows, filled, listed, read_rows, shown
from lamina.spec import LaminaError

__all__ = [
    "SequenceTable",
    "TextTable",
    "fingerprint",
    "read_sequence_table",
    "read_text",
    "read_text_table",
    "text_chunks",
]

#: Rows of a sequence table that are turned into numbers at a time.
_CHUNK = 1 << 16
#: How files say that a number is missing, in lower case.
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))


@dataclass(frozen=True)
class TextTable:
    """One text a row.

    texts:  as they stand in the file.
    labels: one a text, or ``None`` where no label column was asked for; always strings.
    path:   the file.
    lines:  the line of the file on which each row begins, from 1.
    """

    texts: list[str]
    labels: list[str] | None
    path: str
    lines: list[int]


@dataclass(frozen=True)
class SequenceTable:
    """One sequence of feature rows an id.

    sequences: float32, each ``(T, I)`` with its own ``T``.
    labels:    one a sequence, or ``None`` where no label column was asked for.
    ids:       one a sequence, in the order in which the file first names them.
    features:  the names of the ``I`` columns.
    path:      the file.
    """

    sequences: list[np.ndarray]
    labels: list[str] | None
    ids: list[str]
    features: list[str]
    path: str


def text_chunks(path: str | Path, told: Callable[[int], None] | None = None) -> Iterator[str]:
    r"""A UTF-8 text in chunks; every line end (``\r\n``, ``\r``) becomes ``\n``.

    A byte order mark is removed and a name that ends in ``.gz`` is unpacked. ``told`` hears how
    many bytes of the file were read. Raises LaminaError, when it comes to it, for a file that is
    missing, a folder, empty, blank, binary or not UTF-8.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    blank = True
    for chunk in itertools.chain(utf8_chunks(path, told), [None]):
        # A carriage return at the end of a chunk waits for what follows.
        text = newlines.decode(chunk or "", final=chunk is None)
        blank = blank and (not text or text.isspace())
        if text:
            yield text
    if blank:
        raise LaminaError("got white space only; need text.", place=str(path))


def read_text(path: str | Path) -> str:
    """The whole of :func:`text_chunks`."""
    return "".join(text_chunks(path))


def read_text_table(
    path: str | Path, *, text: str, label: str | None, blank_labels: bool = False
) -> TextTable:
    """Texts, and labels if a column is named, from a CSV, TSV or JSONL file (also ``.gz``).

    Labels lose the white space around them and are strings whatever they look like. Raises
    LaminaError, with the line, for a broken file, a column that is not there, and a row whose
    text is missing or blank, or its label, which ``blank_labels`` allows.
    """
    rows = read_rows(path)
    _check_roles([text] if label is None else [text, label], path)
    text_at = rows.position(text)
    label_at = None if label is None else rows.position(label, "label")
    texts: list[str] = []
    labels: list[str] = []
    lines: list[int] = []
    for line, fields in rows.rows:
        texts.append(filled(rows, line, text, fields[text_at]))
        if label is not None and label_at is not None:
            labels.append(_label(rows, line, label, fields[label_at], blank_labels))
        lines.append(line)
    if not texts:
        raise LaminaError("got a header and no rows; need at least one row.", place=str(path))
    return TextTable(texts, None if label is None else labels, str(path), lines)


def _label(rows: Rows, line: int, column: str, value: str | None, may_be_blank: bool) -> str:
    return (value or "" if may_be_blank else filled(rows, line, column, value)).strip()


def read_sequence_table(
    path: str | Path,
    *,
    id: str,
    label: str | None,
    features: list[str] | None = None,
    missing: bool = False,
    blank_labels: bool = False,
) -> SequenceTable:
    """Sequences from a long table: one row a time step, rows of an id in the order of time.

    id:       the column that says to which sequence a row belongs; its rows may be scattered.
    label:    a column that is the same in all rows of an id; ``None``: none is read.
    features: columns of numbers. ``None`` takes every other column of which at least half of the
              first rows are numbers.
    missing:  whether a feature may be missing, which becomes not-a-number: a cell that is blank,
              or says NA, N/A, NaN, null, none or ?.

    Raises LaminaError, with the line, for a feature that is missing, no number or not finite in
    float32, an id or label that is missing (a label may be, with ``blank_labels``), and a label
    that changes within an id.
    """
    rows = read_rows(path)
    named = [id] if label is None else [id, label]
    _check_roles([*named, *(features or [])], path)
    if features == []:
        raise LaminaError("got no features; need at least one feature column.", place=str(path))
    id_at = rows.position(id)
    label_at = None if label is None else rows.position(label, "label")

    members: dict[str, int] = {}
    labels: list[str] = []
    codes: list[int] = []
    blocks: list[np.ndarray] = []
    while chunk := list(islice(rows.rows, _CHUNK)):
        if features is None:
            features = _numeric_columns(rows, chunk, skip=set(named), missing=missing)
        blocks.append(_numbers(rows, chunk, features, missing=missing))
        for line, fields in chunk:
            key = filled(rows, line, id, fields[id_at]).strip()
            code = members.setdefault(key, len(members))
            codes.append(code)
            if label is None or label_at is None:
                continue
            value = _label(rows, line, label, fields[label_at], blank_labels)
            if code == len(labels):
                labels.append(value)
            elif labels[code] != value:
                raise LaminaError(
                    f"label {shown(value)}, but id {shown(key)} began with "
                    f"{shown(labels[code])}; need one label an id.",
                    place=f"{path}:{line}",
                )
    if features is None or not blocks:
        raise LaminaError("got a header and no rows; need at least one row.", place=str(path))

    order = np.argsort(np.asarray(codes), kind="stable")
    ends = np.cumsum(np.bincount(codes))[:-1]
    sequences = np.split(np.concatenate(blocks)[order], ends)
    found = None if label is None else labels
    return SequenceTable(sequences, found, list(members), list(features), str(path))


def _check_roles(columns: list[str], path: str | Path) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise LaminaError(
                f"got column {shown(column)} twice; each use needs a column of its own.",
                place=str(path),
            )


_Chunk = list[tuple[int, list[str | None]]]


def _parsed(chunk: _Chunk, position: int) -> pl.Series:
    values = pl.Series([fields[position] for _, fields in chunk], dtype=pl.String)
    return values.str.strip_chars().cast(pl.Float64, strict=False)


def _is_missing(value: str | None) -> bool:
    return value is None or value.strip().lower() in _MISSING


def _numeric_columns(rows: Rows, chunk: _Chunk, *, skip: set[str], missing: bool) -> list[str]:
    candidates = [column for column in rows.columns if column not in skip]
    found = []
    for column in candidates:
        position = rows.position(column)
        no_number = _parsed(chunk, position).null_count()
        absent = 0
        if missing:  # gaps speak neither for a column nor against it
            absent = sum(_is_missing(fields[position]) for _, fields in chunk)
            no_number = sum(
                value is None and not _is_missing(fields[position])
                for value, (_, fields) in zip(_parsed(chunk, position), chunk, strict=True)
            )
        if 2 * no_number <= len(chunk) - absent and absent < len(chunk):
            found.append(column)
    if not found:
        raise LaminaError(
            f"no column of numbers among {listed(candidates)}; need at least one feature. Name the "
            "feature columns, or add one.",
            place=f"{rows.path}:1",
        )
    return found


def _numbers(rows: Rows, chunk: _Chunk, features: list[str], *, missing: bool) -> np.ndarray:
    """``(len(chunk), I)`` float32."""
    out = np.empty((len(chunk), len(features)), dtype=np.float32)
    for i, column in enumerate(features):
        position = rows.position(column)
        with np.errstate(over="ignore"):
            out[:, i] = _parsed(chunk, position).fill_null(float("nan")).to_numpy()
        for row in np.flatnonzero(~np.isfinite(out[:, i])):
            line, fields = chunk[row]
            absent = _is_missing(fields[position])
            if missing and absent:
                continue
            remedy = " Or say how to fill gaps: missing='forward' or 'mean'." if absent else ""
            raise LaminaError(
                f"feature {shown(column)} is {shown(fields[position] or 'missing')}; need a finite "
                f"number. Fill it, take the sequence out, or name the features without this "
                f"column.{remedy}",
                place=f"{rows.path}:{line}",
            )
    return out
