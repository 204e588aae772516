"""What separates the fields of a table, and where its header is."""

from __future__ import annotations

import csv
import itertools
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lamina.data.read.columns import MISSING
from lamina.data.read.table import listed, shown
from lamina.spec import LaminaError, LaminaWarning
from lamina.spec.counted import counted

#: What separates fields, and how it is called.
MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
#: Lines that the delimiter is found by.
_HEAD = 100
#: Excel's first line, which names the delimiter.
_NAMED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
#: Numbers with a decimal comma, and those whose comma may also separate thousands.
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        delimiter: The character between two fields.
        skip: The lines before the header.
    """

    delimiter: str
    skip: int = 0


def dialect_of(path: str, text: str, delimiter: str) -> Dialect:
    """How a table is written whose suffix says ``delimiter``, by its first lines.

    Excel's line ``sep=;`` says another one. Without it, another one is taken if all rows then have
    as many fields as the header, at least two, and do not with ``delimiter``. Lines that begin with
    ``#`` before the header are left out, unless they have as many fields as the rows.

    Warns:
        LaminaWarning: With the delimiter, if it is another one; with the lines that are left out.
    """
    found = itertools.islice(re.finditer(r"[^\n]*\n|[^\n]+", text), 2 * _HEAD)
    lines = [line[0].removesuffix("\n").removesuffix("\r") for line in found]
    if lines and (named := _NAMED.fullmatch(lines[0])):
        return Dialect(named[1], 1)
    begun = next((i for i, line in enumerate(lines[:_HEAD]) if line and line[0] != "#"), 0)
    body = lines[begun : begun + _HEAD]
    found = _delimiter(body, delimiter)
    if begun and (last := lines[begun - 1])[:1] == "#" and _widths([last, *body], found):
        begun -= 1  # a header whose first name begins with #
        found = _delimiter(lines[begun : begun + _HEAD], delimiter)
    if any(line.strip() for line in lines[:begun]):
        count = sum(bool(line.strip()) for line in lines[:begun])
        what = counted(count, "line")
        warnings.warn(
            LaminaWarning(f"{path}: leaves out {what} before the header that begin with '#'."),
            stacklevel=2,
        )
    if found != delimiter:
        warnings.warn(
            LaminaWarning(f"{path}: fields are separated by {MARKS[found]}, and read so."),
            stacklevel=2,
        )
    return Dialect(found, begun)


def _delimiter(lines: Sequence[str], delimiter: str) -> str:
    """The delimiter with which every line has as many fields; ``delimiter`` in case of doubt."""
    if _widths(lines, delimiter):
        return delimiter
    others = [mark for mark in MARKS if mark != delimiter and _widths(lines, mark)]
    if len(others) == 1:
        return others[0]
    # Uneven rows: an error will name one. The header shows what it is about.
    head = lines[0] if lines else ""
    others = [mark for mark in MARKS if mark in head]
    return others[0] if delimiter not in head and len(others) == 1 else delimiter


def _widths(lines: Sequence[str], delimiter: str) -> int:
    """The number of fields of every row, if it is the same, and at least two; else 0."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return 0
    if len(rows) > 2 and len(lines) == _HEAD:
        rows.pop()  # a quote may have been cut
    width = len(rows[0]) if rows else 0
    return width if width > 1 and all(len(row) == width for row in rows) else 0


def unnamed_and_empty(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """How many columns at the end have no name and no value in any row."""
    named = len(columns)
    while named and not columns[named - 1].strip():
        named -= 1
    if not named or named == len(columns):
        return 0
    for row in rows:
        if len(row) not in (named, len(columns)) or any(field.strip() for field in row[named:]):
            return 0
    return len(columns) - named


def decimal_commas(path: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> set[int]:
    """The columns of a table with semicolons whose numbers have decimal commas, all of them.

    Three digits behind every comma may also be thousands: then another column has to show.

    Warns:
        LaminaWarning: With the columns.
    """
    comma, certain = [False] * len(columns), [False] * len(columns)
    other = [False] * len(columns)
    for row in rows:
        for at, field in enumerate(row[: len(columns)]):
            if other[at]:
                continue
            value = field.strip()
            if _COMMA.fullmatch(value):
                comma[at] = True
                certain[at] = certain[at] or not _THOUSANDS.fullmatch(value)
            elif not _WHOLE.fullmatch(value) and value.lower() not in MISSING:
                other[at] = True
    found = {at for at in range(len(columns)) if comma[at] and not other[at]}
    if not any(certain[at] for at in found):
        return set()
    names = listed([columns[at] for at in sorted(found)])
    warnings.warn(
        LaminaWarning(f"{path}: reads decimal commas as points in {names}."), stacklevel=2
    )
    return found


def wrong_width(
    path: str, line: int, fields: Sequence[str], columns: Sequence[str], delimiter: str
) -> LaminaError:
    """The error for a row with more or fewer fields than the header."""
    remedy = f"Quote a field that holds {delimiter!r}, or complete the row."
    if fields[0].startswith("#"):
        remedy = f"If {shown(fields[0])} is a comment, take its line out."
    return LaminaError(
        f"got {counted(len(fields), 'field')}; the header has {len(columns)}. {remedy}",
        place=f"{path}:{line}",
    )
