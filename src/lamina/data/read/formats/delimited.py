"""Tables with a delimiter between fields: CSV and TSV.

Parsed by the standard library, not by polars: polars' errors name no line, and it fills a row that
is too short with nulls without a word.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from lamina.data.read.files import lines, read_decoded, returns_alone
from lamina.data.read.table import Row, Table, table_of_rows
from lamina.spec import LaminaError

_FIELD_LIMIT_LOCK = threading.Lock()
#: Rows parsed before they are handed on.
_BLOCK = 4096
_LONE_RETURN = re.compile(r"\r(?!\n)")


def read_csv(path: str | Path) -> Table:
    """A header and rows, fields separated by commas; see :func:`read_delimited`."""
    return read_delimited(path, ",")


def read_tsv(path: str | Path) -> Table:
    """A header and rows, fields separated by tabs; see :func:`read_delimited`."""
    return read_delimited(path, "\t")


def read_delimited(path: str | Path, delimiter: str) -> Table:
    """A header and rows. A field that holds the delimiter or a line break is quoted with ``"``.
    Blank lines are skipped; a row with quoted line breaks has the line it begins on.

    Not every writer quotes: a text may just begin with ``"``. Where that opens a quote which runs
    over several lines, though each has all its fields already, a file with tabs is read without
    quoting. If either reading could be right, the file is refused.

    Args:
        path: The file.
        delimiter: The character between two fields.

    Raises:
        LaminaError: The file is not UTF-8 text or has no header; and, while rows are read, a row is
            broken, too long or too short. Quotes can be read in two ways.
    """
    text = read_decoded(path)
    if "\r" in text and "\n" not in text:
        raise returns_alone(path)
    records = _records(str(path), text, delimiter, _quotes_quote(str(path), text, delimiter))
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


def _quotes_quote(path: str, text: str, delimiter: str) -> bool:
    """Whether quotes quote; else they are part of the texts.

    Raises:
        LaminaError: Both are possible, and give other rows.
    """
    if not re.search(f'(^|{re.escape(delimiter)})"', text, re.MULTILINE):
        return True
    every = lines(text)
    counts = {line.count(delimiter) for line in every if line}
    even, fields = len(counts) == 1, every[0].count(delimiter)
    if not fields or (not even and delimiter != "\t"):
        return True  # with no delimiter a line is no row; an uneven CSV is one whose quotes quote
    if delimiter != "\t" and not any(line.count('"') % 2 for line in every):
        return True  # no quote runs over a line end
    try:
        begun = [line for line, _ in _records(path, text, delimiter, quotes=True)]
    except LaminaError:  # no reading with quotes: said where the row is reached
        return not even or delimiter != "\t"
    # Rows over several lines, each of which has as many fields as the header by itself.
    torn = {
        first: (after - 1, len(covered))
        for first, after in itertools.pairwise([*begun, len(every) + 1])
        if len(covered := [line for line in every[first - 1 : after - 1] if line]) > 1
        and {line.count(delimiter) for line in covered} == {fields}
    }
    if not torn:
        return True
    # One field with a line break can look like two rows, hardly like three or more.
    many = max(n for _, n in torn.values()) > 2
    if delimiter == "," and not many:
        return True
    if even and delimiter == "\t" and many:
        return False
    first, (last, _) = max(torn.items(), key=lambda item: item[1][1])
    raise LaminaError(
        f"a quote opens here and closes on line {last:,}, but each of these lines is a whole row "
        'by itself. If texts just begin with ", quote the fields and double each quote in them, or '
        "save the table as JSON lines (.jsonl).",
        place=f"{path}:{first}",
    )


def _records(path: str, text: str, delimiter: str, quotes: bool) -> Iterator[tuple[int, list[str]]]:
    # A carriage return alone ends no line (see lamina.data.read.files.lines), but does for the
    # parser, which gets another character in its place.
    stand_in = ""
    if _LONE_RETURN.search(text):
        stand_in = next(c for c in map(chr, range(0xE000, 0xF900)) if c not in text)
        text = _LONE_RETURN.sub(stand_in, text)
    # newline="" leaves quoted line breaks to the parser, which counts the lines it has read.
    source = io.StringIO(text, newline="")
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    parser = csv.reader(source, delimiter=delimiter, quoting=quoting, strict=True)
    ended = False
    while not ended:
        begun = read = parser.line_num
        block: list[tuple[int, list[str]]] = []
        error = None
        with _field_limit(len(text)):
            try:
                for fields in islice(parser, _BLOCK):
                    if fields:
                        if stand_in:
                            fields = [field.replace(stand_in, "\r") for field in fields]
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
