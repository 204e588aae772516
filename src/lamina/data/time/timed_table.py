"""A table of timestamped rows: its columns as numbers, and the position of each row in its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from lamina.data.read.columns import Choice, is_missing, note_rounded, numeric_columns, read_numbers
from lamina.data.read.registry import TABLES
from lamina.data.read.table import Table, shown
from lamina.data.time.time_formats import shown_time
from lamina.spec import LaminaError


@dataclass(frozen=True)
class TimedTable:
    """All rows of a table, in memory.

    Attributes:
        table:   Its columns and places, and its rows again.
        columns: The values by name, each column in its own type.
        rows:    Where each row is in the file (see :class:`lamina.data.read.table.Block`).
        time:    The name of the column of the time.
    """

    table: Table
    columns: dict[str, pl.Series]
    rows: list[int]
    time: str

    @classmethod
    def read(cls, path: str | Path, time: str) -> TimedTable:
        """Read a whole file.

        Raises:
            LaminaError: It cannot be read, has duplicate column names, or has no rows.
        """
        table = TABLES.find(path)(path)
        for at, name in enumerate(table.columns):
            if table.simple(at):
                table.position(name)  # refuses a duplicate name
        blocks = list(table.blocks)
        if not blocks:
            raise table.no_rows()
        columns = {
            name: pl.concat([block.series(at) for block in blocks])
            for at, name in enumerate(table.columns)
        }
        table = replace(table, blocks=iter(blocks))
        return cls(table, columns, [line for block in blocks for line in block.lines], time)

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> pl.Series:
        """The values of a column in its own type.

        Raises:
            LaminaError: It is missing, or holds neither times, texts nor numbers.
        """
        self.table.position(name, "time" if name == self.time else None)
        return self.columns[name]

    def choose(self, named: Sequence[str]) -> Choice:
        """The columns of numbers among those that are not ``named``; call it once.

        Raises:
            LaminaError: There are none, or they are in another notation.
        """
        choice = numeric_columns(self.table, named, self.table.blocks, "series")
        choice.warn(self.table.path, "series")
        return choice

    def place(self, row: int) -> str:
        """Where a row is, for messages."""
        return self.table.place(self.rows[row])

    def text(self, row: int) -> str:
        """The time of a row, for messages."""
        return shown_time(self.column(self.time), row)

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """Columns as ``(rows, names)`` float64; not-a-number where a value is missing.

        Raises:
            LaminaError: With the line: a value is not a number, or not finite in float32.
        """
        out = np.empty((len(self), len(names)))
        for i, name in enumerate(names):
            column = self.column(name)
            values, flag = read_numbers(column)
            note_rounded(column, shown(name), self.place)
            out[:, i] = values.fill_null(np.nan).to_numpy()
            # A network could not read values beyond float32.
            wrong = np.abs(out[:, i]) > np.finfo(np.float32).max
            if column.dtype == pl.String:
                wrong |= np.isnan(out[:, i]) & ~is_missing(column).to_numpy()
            elif not (column.dtype.is_numeric() or flag):
                wrong |= ~column.is_null().to_numpy()
            if wrong.any():
                row = int(wrong.argmax())
                raise LaminaError(
                    f"{shown(name)} is {shown(str(column[row]))}; need a finite number. Mend it, "
                    "or name the columns without this one.",
                    place=self.place(row),
                )
        return out
