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
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from lamina.data.read.files import lines, odd_ends, read_decoded
from lamina.data.read.formats.dialect import (
    MARKS,
    Dialect,
    decimal_commas,
    dialect_of,
    unnamed_and_empty,
    wrong_width,
)
from lamina.data.read.table import Row, Table, table_of_rows
from lamina.spec import LaminaError, LaminaWarning
from lamina.spec.counted import counted

_FIELD_LIMIT_LOCK = threading.Lock()
#: Rows parsed before they are handed on.
_BLOCK = 4096
_LONE_RETURN = re.compile(r"\r(?!\n)")


def read_csv(path: str | Path) -> Table:
    """A header and rows, fields separated by commas, unless others are found; see
    :func:`read_delimited`."""
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
        delimiter: The character between two fields, unless the file shows another; see
            :func:`lamina.data.read.formats.dialect.dialect_of`.

    Raises:
        LaminaError: The file is not UTF-8 text or has no header; and, while rows are read, a row is
            broken, too long or too short. Quotes can be read in two ways.
    """
    text = read_decoded(path)
    if odd := odd_ends(text, path):
        raise odd
    dialect = dialect_of(str(path), text, delimiter)
    delimiter = dialect.delimiter
    if dialect.skip:
        text = (text + "\n").split("\n", dialect.skip)[dialect.skip]
    quotes = _quotes_quote(str(path), text, dialect)

    def records() -> Iterator[tuple[int, list[str]]]:
        return _records(str(path), text, dialect, quotes)

    all_rows = records()
    _, columns = next(all_rows, (1, None))
    if columns is None:
        raise LaminaError("the table is empty. It needs a header and rows.", place=str(path))
    empty = commas = None
    if len(columns) > 1 and not columns[-1].strip():
        empty = unnamed_and_empty(columns, _fields(records()))
    if empty:
        columns = columns[:-empty]
        what = counted(empty, "column")
        warnings.warn(
            LaminaWarning(f"{path}: leaves out {what} at the end, without a name or a value."),
            stacklevel=2,
        )
    if delimiter == ";":
        commas = decimal_commas(str(path), columns, _fields(records()))

    def rows() -> Iterator[Row]:
        for line, fields in _without_blank_end(str(path), all_rows):
            if empty:
                del fields[len(columns) :]
            if len(fields) != len(columns):
                raise wrong_width(str(path), line, fields, columns, delimiter)
            for at in commas or ():
                fields[at] = fields[at].replace(",", ".")
            yield line, [*fields]

    other = next((mark for mark in MARKS if mark in columns[0]), None)
    return table_of_rows(
        str(path), columns, rows(), other if len(columns) == 1 else None, dialect.skip + 1
    )


def _without_blank_end(
    path: str, records: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    """All records but those at the end whose fields are all blank, as spreadsheets write them."""
    blank: list[tuple[int, list[str]]] = []
    for record in records:
        if len(record[1]) > 1 and not any(field.strip() for field in record[1]):
            blank.append(record)
        else:
            yield from blank
            blank.clear()
            yield record
    if blank:
        note = f"leaves out {counted(len(blank), 'row')} at the end, without a value."
        warnings.warn(LaminaWarning(f"{path}:{blank[0][0]}: {note}"), stacklevel=2)


def _fields(records: Iterator[tuple[int, list[str]]]) -> Iterator[list[str]]:
    """The rows behind the header, up to one that is broken: it is named when it is read."""
    next(records, None)
    try:
        for _, fields in records:
            yield fields
    except LaminaError:
        return


def _quotes_quote(path: str, text: str, dialect: Dialect) -> bool:
    """Whether quotes quote; else they are part of the texts.

    Raises:
        LaminaError: Both are possible, and give other rows.
    """
    delimiter = dialect.delimiter
    if not re.search(f'(^|{re.escape(delimiter)})"', text, re.MULTILINE):
        return True
    every = lines(text)
    counts = {line.count(delimiter) for line in every if line}
    even, fields = len(counts) == 1, every[0].count(delimiter)
    if not fields:
        return True  # with no delimiter a line is no row
    if delimiter != "\t" and not any(line.count('"') % 2 for line in every):
        return True  # no quote runs over a line end
    try:
        begun = [line for line, _ in _records(path, text, Dialect(delimiter), quotes=True)]
    except LaminaError:  # no reading with quotes: said where the row is reached
        return not even or delimiter != "\t"
    # Rows over several lines, each of which has as many fields as the header by itself.
    torn: dict[int, tuple[int, int]] = {}
    for first, after in itertools.pairwise([*begun, len(every) + 1]):
        covered = [line for line in every[first - 1 : after - 1] if line]
        rows = sum(_is_row(line, delimiter, fields) for line in covered) if covered[1:] else 0
        if 1 < rows == len(covered) or (rows > 2 and 4 * rows >= 3 * len(covered)):
            torn[first] = (after - 1, rows)
    if not torn:
        return True
    # One field with a line break can look like two rows, hardly like three or more.
    many = max(n for _, n in torn.values()) > 2
    if delimiter != "\t" and not many:
        return True
    if even and delimiter == "\t" and many:
        return False
    first, (last, _) = max(torn.items(), key=lambda item: item[1][1])
    raise LaminaError(
        f"a quote opens here and closes on line {last + dialect.skip:,}, but each of these lines "
        'is a whole row by itself. If texts just begin with ", quote the fields and double each '
        "quote in them, or save the table as JSON lines (.jsonl).",
        place=f"{path}:{first + dialect.skip}",
    )


def _is_row(line: str, delimiter: str, marks: int) -> bool:
    """Whether a line has as many fields as the header, which has so many delimiters."""
    if line.count(delimiter) == marks:
        return True
    try:
        return [len(row) for row in csv.reader([line], delimiter=delimiter, strict=True)] == [
            marks + 1
        ]
    except (csv.Error, ValueError):
        return False


def _records(
    path: str, text: str, dialect: Dialect, quotes: bool
) -> Iterator[tuple[int, list[str]]]:
    """The line and the fields of each record of a text that begins with the header."""
    # A carriage return alone ends no line (see lamina.data.read.files.lines), but does for the
    # parser, which gets another character in its place.
    stand_in = ""
    if _LONE_RETURN.search(text):
        stand_in = next(c for c in map(chr, range(0xE000, 0xF900)) if c not in text)
        text = _LONE_RETURN.sub(stand_in, text)
    # newline="" leaves quoted line breaks to the parser, which counts the lines it has read.
    source = io.StringIO(text, newline="")
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    parser = csv.reader(source, delimiter=dialect.delimiter, quoting=quoting, strict=True)
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
                        block.append((read + 1 + dialect.skip, fields))
                    read = parser.line_num
            except csv.Error as caught:
                error = caught
        ended = begun == parser.line_num
        yield from block
        if error:
            raise LaminaError(
                f"a broken row ({error}). Double a quote inside a quoted field, and close it.",
                place=f"{path}:{read + 1 + dialect.skip}",
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
