"""Tables with a delimiter between fields: CSV and TSV.

Parsed by the standard library, not by polars: polars' errors name no line, and it fills a row that
is too short with nulls without a word.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from lamina.data.read.files import read_utf8
from lamina.data.read.table import Row, Table, table_of_rows
from lamina.spec import LaminaError

_FIELD_LIMIT_LOCK = threading.Lock()
#: Rows parsed before they are handed on.
_BLOCK = 4096


def read_csv(path: str | Path) -> Table:
    """A header and rows, fields separated by commas; see :func:`read_delimited`."""
    return read_delimited(path, ",")


def read_tsv(path: str | Path) -> Table:
    """A header and rows, fields separated by tabs; see :func:`read_delimited`."""
    return read_delimited(path, "\t")


def read_delimited(path: str | Path, delimiter: str) -> Table:
    """A header and rows. A field that holds the delimiter or a line break is quoted with ``"``.
    Blank lines are skipped; a row with quoted line breaks has the line it begins on.

    Args:
        path: The file.
        delimiter: The character between two fields.

    Raises:
        LaminaError: The file is not UTF-8 text or has no header; and, while rows are read, a row is
            broken, too long or too short.
    """
    text = read_utf8(path)
    records = _records(str(path), text, delimiter)
    _, columns = next(records, (1, None))
    if columns is None:
        raise LaminaError("the table is empty. It needs a header and rows.", place=str(path))

    def rows() -> Iterator[Row]:
        for line, fields in records:
            if len(fields) != len(columns):
                raise LaminaError(
                    f"got {len(fields)} fields; the header has {len(columns)}. Quote a field "
                    f"that holds {delimiter!r}, or complete the row.",
                    place=f"{path}:{line}",
                )
            yield line, [*fields]

    other = next((mark for mark in ";\t,|" if mark in columns[0]), None)
    return table_of_rows(str(path), columns, rows(), other if len(columns) == 1 else None)


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
    """Fields of any length for a while: the limit belongs to the process and is 128 KiB."""
    with _FIELD_LIMIT_LOCK:
        before = csv.field_size_limit(max(characters, 1))
        try:
            yield
        finally:
            csv.field_size_limit(before)
