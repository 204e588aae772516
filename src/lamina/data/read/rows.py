"""Rows of a CSV, TSV or JSON-lines file, each with the line of the file it starts on.

CSV is parsed by the standard library, not by polars: polars' errors name no line, and it fills a
row that is too short with nulls without a word.
"""

from __future__ import annotations

import csv
import difflib
import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from lamina.data.read.files import read_utf8
from lamina.spec import LaminaError

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
#: Of files that are tables, each also with ``.gz``.
SUFFIXES = (*_DELIMITERS, ".jsonl", ".ndjson")
_FIELD_LIMIT_LOCK = threading.Lock()
#: Rows parsed before they are handed on.
_BLOCK = 4096


@dataclass(frozen=True)
class Rows:
    """Column names, and an iterator over ``(line, fields)``.

    Lines count from 1; a row with quoted line breaks has the line on which it begins. A field is
    text, stripped of nothing, or ``None`` where a JSON row lacks the key or says ``null``.
    """

    path: str
    columns: list[str]
    rows: Iterator[tuple[int, list[str | None]]]

    def position(self, column: str, option: str | None = None) -> int:
        """Where ``column`` stands. Raises LaminaError if it is absent (the
        ``option`` that names it is told) or stands there twice."""
        count = self.columns.count(column)
        if count == 1:
            return self.columns.index(column)
        place = f"{self.path}:1"
        if count > 1:
            raise LaminaError(
                f"got {count} columns named {shown(column)}; need one. Rename the others.",
                place=place,
            )
        if other := self._other_delimiter():
            raise LaminaError(
                f"no column {shown(column)}; the fields look separated by {other!r}. Need commas "
                "(.csv) or tabs (.tsv): save the table as one of these.",
                place=place,
            )
        raise no_column(column, self.columns, option, place)

    def _other_delimiter(self) -> str | None:
        """What stands between fields where the header came out as one column."""
        if len(self.columns) > 1 or Path(self.path.removesuffix(".gz")).suffix not in _DELIMITERS:
            return None
        return next((mark for mark in ";\t,|" if mark in self.columns[0]), None)


def no_column(column: str, columns: Sequence[str], option: str | None, place: str) -> LaminaError:
    """The error for a column that is not there; ``option`` is the one that names it."""
    close = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
    hint = f" Did you mean {shown(close[0])}?" if close else ""
    role = f" (--{option})" if option else ""
    return LaminaError(
        f"no column {shown(column)}{role}; the columns are {listed(columns)}.{hint}", place=place
    )


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, the first ``most`` of them."""
    text = ", ".join(map(shown, names[:most]))
    return text + (f" and {len(names) - most} more" if len(names) > most else "")


def filled(rows: Rows, line: int, column: str, value: str | None) -> str:
    """``value`` of a column that must not be empty. Raises LaminaError where it is."""
    if value is None or not value or value.isspace():
        raise LaminaError(
            f"column {shown(column)} is empty here. Fill it or take the row out.",
            place=f"{rows.path}:{line}",
        )
    return value


def shown(value: str) -> str:
    """``value`` in quotes on one line, cut where it is long: for messages."""
    return repr(value if len(value) <= 40 else value[:39] + "…")


def read_rows(path: str | Path) -> Rows:
    """Open a table; its suffix says the format (``.csv .tsv .jsonl .ndjson``, also ``.gz``).

    CSV and TSV: a header, fields quoted with ``"`` where they hold a delimiter or a line break.
    JSONL: one object a line; the columns are the keys of the first. Blank lines are skipped.

    Raises LaminaError for an unknown suffix, a file that is no UTF-8 text, or a file of blank
    lines; and, while the rows are iterated, for a row that is broken, too long or too short.
    """
    name = str(path).lower()
    suffix = Path(name[: -len(".gz")] if name.endswith(".gz") else name).suffix
    if suffix not in SUFFIXES:
        raise LaminaError(
            f"got suffix {suffix!r}; need one of {' '.join(SUFFIXES)} (or these with .gz). "
            "Rename or convert the file.",
            place=str(path),
        )
    text = read_utf8(path)
    if suffix in _DELIMITERS:
        return _delimited(str(path), text, _DELIMITERS[suffix])
    return _json_lines(str(path), text)


def _delimited(path: str, text: str, delimiter: str) -> Rows:
    records = _records(path, text, delimiter)
    _, columns = next(records, (1, None))
    if columns is None:
        raise LaminaError("the table is empty. It needs a header and rows.", place=path)

    def rows() -> Iterator[tuple[int, list[str | None]]]:
        for line, fields in records:
            if len(fields) != len(columns):
                raise LaminaError(
                    f"got {len(fields)} fields; the header has {len(columns)}. Quote a field "
                    f"that holds {delimiter!r}, or complete the row.",
                    place=f"{path}:{line}",
                )
            yield line, [*fields]

    return Rows(path, columns, rows())


def _records(path: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    # newline="" leaves quoted line breaks to the parser, which counts the lines it has read.
    parser = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    ended = False
    while not ended:
        begun = read = parser.line_num
        block: list[tuple[int, list[str]]] = []
        error = None
        with _field_limit(len(text)):
            try:
                for fields in islice(parser, _BLOCK):
                    if fields:
                        block.append((read + 1, fields))
                    read = parser.line_num
            except csv.Error as caught:
                error = caught
        ended = begun == parser.line_num
        yield from block
        if error:
            raise LaminaError(
                f"a broken row ({error}). Double a quote inside a quoted field, and close it.",
                place=f"{path}:{read + 1}",
            )


@contextmanager
def _field_limit(characters: int) -> Iterator[None]:
    """Fields of any length for a while: the limit is the process's, 128 KiB unless told."""
    with _FIELD_LIMIT_LOCK:
        before = csv.field_size_limit(max(characters, 1))
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _json_lines(path: str, text: str) -> Rows:
    objects = _objects(path, text)
    first = next(objects, None)
    if first is None:
        raise LaminaError("the table is empty. It needs one JSON object a line.", place=path)
    columns = list(first[1])

    def rows() -> Iterator[tuple[int, list[str | None]]]:
        yield first[0], [_json_field(first[1].get(column)) for column in columns]
        for line, value in objects:
            yield line, [_json_field(value.get(column)) for column in columns]

    return Rows(path, columns, rows())


def _objects(path: str, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    decoder = msgspec.json.Decoder()
    # Only \n ends a line: str.splitlines would also cut at U+2028, which JSON texts may hold.
    for line, source in enumerate(text.split("\n"), start=1):
        if not source.strip():
            continue
        place = f"{path}:{line}"
        try:
            value = decoder.decode(source)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise LaminaError(
                f"broken JSON ({error}). Each line needs one whole object.", place=place
            ) from None
        if not isinstance(value, dict):
            raise LaminaError(
                f'got a JSON {type(value).__name__}; need an object such as {{"text": ...}}.',
                place=place,
            )
        yield line, value


def _json_field(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    # As JSON writes it: true, 0, 1.5, and for a list its source.
    return msgspec.json.encode(value).decode()
