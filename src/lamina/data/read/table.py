"""A table as every format gives it: named columns, and rows that know their place in the file.

Text formats give their fields as text, typed formats (Parquet, Arrow) as their own types. A view
(texts, sequences, time series, pairs, recordings) asks for a column as it needs it:
:meth:`Block.texts` or :meth:`Block.numbers`. So a format is written once and every task reads it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import polars as pl

from lamina.spec import LaminaError

#: Rows handed on at a time.
BLOCK = 1 << 16

#: A row of a text format: its line, from 1, and its fields; ``None`` where JSON has no value.
Row: TypeAlias = tuple[int, list[str | None]]


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a table.

    Attributes:
        lines:  Where each row is in its file, from 1: the line it begins on; in a format without
                lines, the number of the row.
        fields: The rows of a text format, or the typed columns of another.
    """

    lines: Sequence[int]
    fields: Sequence[Sequence[str | None]] | pl.DataFrame

    def __len__(self) -> int:
        return len(self.lines)

    def series(self, at: int) -> pl.Series:
        """Column ``at`` in its own type; String in a text format."""
        if isinstance(self.fields, pl.DataFrame):
            return self.fields.to_series(at)
        return pl.Series([row[at] for row in self.fields], dtype=pl.String)

    def texts(self, at: int) -> list[str | None]:
        """Column ``at`` as text, unchanged in a text format. A typed value is written so that
        reading it back gives the same value: ``3``, ``0.1``, ``true``, ``2024-01-31``."""
        if isinstance(self.fields, pl.DataFrame):
            return self.fields.to_series(at).cast(pl.String).to_list()
        return [row[at] for row in self.fields]

    def numbers(self, at: int) -> pl.Series:
        """Column ``at`` as Float64; null where a value is missing or not a number."""
        return as_numbers(self.series(at))


def as_numbers(column: pl.Series) -> pl.Series:
    """Float64; null where a value is missing or not a number. Truth values are not numbers."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not column.dtype.is_numeric():
        return pl.Series([None] * len(column), dtype=pl.Float64)
    return column.cast(pl.Float64, strict=False)


@dataclass(frozen=True)
class Table:
    """Named columns and rows in blocks.

    Attributes:
        path:      The file.
        columns:   Names in order; a text format may repeat one.
        blocks:    The rows, to be read once. A broken row raises LaminaError when it is reached.
        types:     One a column where the format has types; empty: all are text.
        delimiter: What seems to separate the fields of a header that came out as one column.
    """

    path: str
    columns: list[str]
    blocks: Iterator[Block]
    types: Sequence[pl.DataType] = ()
    delimiter: str | None = None

    def place(self, line: int) -> str:
        """Where a row of :attr:`Block.lines` is: ``file:line``, or ``file, row n``."""
        return f"{self.path}, row {line}" if self.types else f"{self.path}:{line}"

    @property
    def header(self) -> str:
        """Where the names of the columns are."""
        return self.path if self.types else f"{self.path}:1"

    def position(self, column: str, option: str | None = None) -> int:
        """The index of a column.

        Args:
            column: Its name.
            option: The option that names it, for the message.

        Raises:
            LaminaError: It is missing, there twice, or of a type that is neither text nor number.
        """
        count = self.columns.count(column)
        if count > 1:
            raise LaminaError(
                f"got {count} columns named {shown(column)}; need one. Rename the others.",
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
        """Whether a value of column ``at`` is one text, number, truth value or time."""
        if not self.types:
            return True
        kind = self.types[at]
        return not kind.is_nested() and kind not in (pl.Binary, pl.Object)

    def filled(self, line: int, column: str, value: str | None) -> str:
        """``value`` of a column that may not be blank.

        Raises:
            LaminaError: It is.
        """
        if value is None or not value or value.isspace():
            raise LaminaError(
                f"column {shown(column)} is empty here. Fill it or take the row out.",
                place=self.place(line),
            )
        return value

    def label(self, line: int, column: str, value: str | None, may_be_blank: bool) -> str:
        """``value`` as a label: without the white space around it.

        Raises:
            LaminaError: It is blank and may not be.
        """
        return (value or "" if may_be_blank else self.filled(line, column, value)).strip()

    def check_roles(self, columns: Sequence[str]) -> None:
        """Refuse a column that is named for two uses."""
        for column in columns:
            if columns.count(column) > 1:
                raise LaminaError(
                    f"got column {shown(column)} twice; each use needs a column of its own.",
                    place=self.path,
                )

    def no_rows(self) -> LaminaError:
        """The error for a table that has columns and nothing else."""
        return LaminaError("got a header and no rows; need at least one row.", place=self.path)


def table_of_rows(
    path: str, columns: list[str], rows: Iterator[Row], delimiter: str | None = None
) -> Table:
    """The table of a text format, whose rows are parsed as they are asked for."""
    return Table(path, columns, _blocks(rows), delimiter=delimiter)


def _blocks(rows: Iterator[Row]) -> Iterator[Block]:
    while block := list(islice(rows, BLOCK)):
        yield Block([line for line, _ in block], [fields for _, fields in block])


def table_of_frame(path: str, frame: pl.DataFrame) -> Table:
    """The table of a format with types, or of a frame in memory.

    Raises:
        LaminaError: It has no column.
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
    """Names for a message, the first ``most`` of them."""
    text = ", ".join(map(shown, names[:most]))
    return text + (f" and {len(names) - most} more" if len(names) > most else "")


def shown(value: str) -> str:
    """``value`` in quotes on one line, cut where it is long: for messages."""
    return repr(value if len(value) <= 40 else value[:39] + "…")
