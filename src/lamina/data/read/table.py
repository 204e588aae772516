"""A table, as every format provides it: named columns, and rows that know their line in the file.

Text formats provide fields as text, typed formats (Parquet, Arrow) as their own types. Code that
needs a column (texts, sequences, time series, pairs, recordings) asks for it as
:meth:`Block.texts` or :meth:`Block.series`, so every task can read every format.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import polars as pl

from lamina.spec import LaminaError
from lamina.spec.counted import counted

#: Rows handed on at a time.
BLOCK = 1 << 16

#: A row of a text format: its line, from 1, and its fields; ``None`` if JSON has no value.
Row: TypeAlias = tuple[int, list[str | None]]


class Nested(str):
    """A field that holds a JSON list or object, as its source."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return "list" if self.startswith("[") else "object"

    def items(self) -> list[str] | None:
        """The texts of a list of texts."""
        found = json.loads(self)
        texts = isinstance(found, list) and all(isinstance(text, str) for text in found)
        return found if texts else None


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a table.

    Attributes:
        lines: The line on which each row begins, from 1; in a format without lines, the number
            of the row.
        fields: The rows (text formats), or the typed columns (other formats).
    """

    lines: Sequence[int]
    fields: Sequence[Sequence[str | None]] | pl.DataFrame

    def __len__(self) -> int:
        return len(self.lines)

    def series(self, at: int) -> pl.Series:
        """Column ``at`` with its own type; String in a text format."""
        if isinstance(self.fields, pl.DataFrame):
            return self.fields.to_series(at)
        return pl.Series([row[at] for row in self.fields], dtype=pl.String)

    def texts(self, at: int) -> list[str | None]:
        """Column ``at`` as text, unchanged in a text format. Typed values are written so that they
        read back as the same value: ``3``, ``0.1``, ``true``, ``2024-01-31``."""
        if isinstance(self.fields, pl.DataFrame):
            return self.fields.to_series(at).cast(pl.String).to_list()
        return [row[at] for row in self.fields]


def as_numbers(column: pl.Series) -> pl.Series:
    """Float64; null where a value is missing or not a number. Booleans are not numbers."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not column.dtype.is_numeric():
        return pl.Series([None] * len(column), dtype=pl.Float64)
    return column.cast(pl.Float64, strict=False)


@dataclass(frozen=True)
class Table:
    """Named columns and rows in blocks.

    Attributes:
        path: The file.
        columns: Names in order; a text format may repeat one.
        blocks: The rows, to be read once. A malformed row raises LaminaError when it is reached.
        types: One per column if the format has types; empty if everything is text.
        delimiter: What seems to separate the fields, if the header was read as a single column.
        header_line: The line of the column names.
    """

    path: str
    columns: list[str]
    blocks: Iterator[Block]
    types: Sequence[pl.DataType] = ()
    delimiter: str | None = None
    header_line: int = 1

    def place(self, line: int) -> str:
        """The location of a row in :attr:`Block.lines`: ``file:line``, or ``file, row n``."""
        return f"{self.path}, row {line}" if self.types else f"{self.path}:{line}"

    @property
    def header(self) -> str:
        """The location of the column names."""
        return self.path if self.types else f"{self.path}:{self.header_line}"

    def position(self, column: str, option: str | None = None) -> int:
        """The index of a column.

        Args:
            column: Its name.
            option: The option that names it, for the message.

        Raises:
            LaminaError: It is missing, duplicated, or of a nested or binary type.
        """
        count = self.columns.count(column)
        if count > 1:
            raise LaminaError(
                f"got {counted(count, 'column')} "
                f"named {shown(column)}; need one. Rename the others.",
                place=self.header,
            )
        if not count and self.delimiter:
            raise LaminaError(
                f"no column {shown(column)}; the fields look separated by {self.delimiter!r}. Need "
                "commas (.csv) or tabs (.tsv): save the table as one of these.",
                place=self.header,
            )
        if not count:
            close = difflib.get_close_matches(column, self.columns, n=1, cutoff=0.5)
            hint = f" Did you mean {shown(close[0])}?" if close else ""
            role = f" (--{option})" if option else ""
            raise LaminaError(
                f"no column {shown(column)}{role}; the columns are {listed(self.columns)}.{hint}",
                place=self.header,
            )
        at = self.columns.index(column)
        if not self.simple(at):
            raise LaminaError(
                f"column {shown(column)} is of type {self.types[at]}; need times, texts or numbers",
                place=self.path,
            )
        return at

    def simple(self, at: int) -> bool:
        """Whether values of column ``at`` are texts, numbers, booleans or times."""
        if not self.types:
            return True
        kind = self.types[at]
        return not kind.is_nested() and kind not in (pl.Binary, pl.Object)

    def filled(self, line: int, column: str, value: str | None) -> str:
        """Return ``value``, from a column that must not be blank.

        Raises:
            LaminaError: The value is missing or blank.
        """
        if isinstance(value, Nested):
            raise LaminaError(
                f"column {shown(column)} has a JSON {value.kind} here; need a text or a number.",
                place=self.place(line),
            )
        if value is None or not value or value.isspace():
            raise LaminaError(
                f"column {shown(column)} is empty here. Fill it or take the row out.",
                place=self.place(line),
            )
        return value

    def label(self, line: int, column: str, value: str | None, separator: str | None) -> str:
        """Return ``value`` as a label, stripped; canonically equivalent texts are one label.

        Raises:
            LaminaError: It is blank, or a list, and there is no ``separator`` for several labels.
        """
        if isinstance(value, Nested):
            value = self.joined(line, column, value, separator)
        label = value or "" if separator is not None else self.filled(line, column, value)
        return unicodedata.normalize("NFC", label).strip()

    def joined(self, line: int, column: str, value: Nested, separator: str | None) -> str:
        """The labels of a JSON list, with ``separator`` between them.

        Raises:
            LaminaError: It is no list of texts without the separator, or no separator is given.
        """
        if separator is None:
            raise LaminaError(
                f"column {shown(column)} has a JSON {value.kind} here; need one label. If there "
                "may be several, give a separator: separator=';'.",
                place=self.place(line),
            )
        labels = value.items()
        if labels is None or any(separator in label or not label.strip() for label in labels):
            raise LaminaError(
                f"column {shown(column)} is {shown(value)} here; need a list of labels, each a "
                f"text without {separator!r}",
                place=self.place(line),
            )
        return separator.join(labels)

    def check_roles(self, columns: Sequence[str]) -> None:
        """Check that no column is named for two uses.

        Raises:
            LaminaError: One is.
        """
        for column in columns:
            if columns.count(column) > 1:
                raise LaminaError(
                    f"got column {shown(column)} twice; each use needs a column of its own.",
                    place=self.path,
                )

    def no_rows(self) -> LaminaError:
        """The error for a table without rows."""
        return LaminaError("got a header and no rows; need at least one row.", place=self.path)


def table_of_rows(
    path: str,
    columns: list[str],
    rows: Iterator[Row],
    delimiter: str | None = None,
    header_line: int = 1,
) -> Table:
    """The table of a text format, whose rows are parsed lazily."""
    return Table(path, columns, _blocks(rows), delimiter=delimiter, header_line=header_line)


def _blocks(rows: Iterator[Row]) -> Iterator[Block]:
    while block := list(islice(rows, BLOCK)):
        yield Block([line for line, _ in block], [fields for _, fields in block])


def table_of_frame(path: str, frame: pl.DataFrame) -> Table:
    """The table of a typed format, or of a data frame in memory.

    Raises:
        LaminaError: It has no columns.
    """
    if not frame.width:
        raise LaminaError("has no columns; need a table with rows.", place=path)
    starts = range(0, len(frame), BLOCK)
    blocks = (
        Block(range(start + 1, min(start + BLOCK, len(frame)) + 1), frame[start : start + BLOCK])
        for start in starts
    )
    return Table(path, frame.columns, blocks, frame.dtypes)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, at most ``most`` of them."""
    text = ", ".join(map(shown, names[:most]))
    return text + (f" and {len(names) - most} more" if len(names) > most else "")


def shown(value: str) -> str:
    """``value`` for a message: quoted, on one line, truncated if long."""
    return repr(value if len(value) <= 40 else value[:39] + "…")
