"""A table whose rows have a time: its columns as numbers, and where each row stands in its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from lamina.data.read.parquet import read_parquet
from lamina.data.read.rows import listed, no_column, read_rows, shown
from lamina.data.time.timestamps import shown_time
from lamina.spec import LaminaError


@dataclass(frozen=True)
class TimedTable:
    """A table, the line of the file on which each row begins (``None``: Parquet has rows only), and
    the column of the time."""

    path: str
    frame: pl.DataFrame
    lines: list[int] | None
    time: str

    @classmethod
    def read(cls, path: str | Path, time: str) -> TimedTable:
        if str(path).lower().endswith(".parquet"):
            frame = read_parquet(path)
            lines = None
        else:
            rows = read_rows(path)
            for name in rows.columns:
                rows.position(name)  # refuses a name that stands there twice
            found = list(rows.rows)
            lines = [line for line, _ in found]
            fields = zip(*(row for _, row in found), strict=True)
            frame = pl.DataFrame(
                [
                    pl.Series(name, column, dtype=pl.String)
                    for name, column in zip(rows.columns, fields, strict=False)
                ]
            )
        if not len(frame):
            raise LaminaError("got a header and no rows; need at least one row.", place=str(path))
        return cls(str(path), frame, lines, time)

    def column(self, name: str) -> pl.Series:
        if name not in self.frame.columns:
            option = "time" if name == self.time else None
            raise no_column(name, self.frame.columns, option, self.path)
        column = self.frame[name]
        if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
            raise LaminaError(
                f"column {shown(name)} is of type {column.dtype}; need times, texts or numbers",
                place=self.path,
            )
        return column

    def place(self, row: int) -> str:
        """Where a row stands, for messages."""
        if self.lines is None:
            return f"{self.path}, row {row + 1}"
        return f"{self.path}:{self.lines[row]}"

    def text(self, row: int) -> str:
        """The time of a row, for messages."""
        return shown_time(self.column(self.time), row)

    def numeric(self, skip: Sequence[str]) -> list[str]:
        """The columns of which at least half of the rows are numbers."""
        others = [name for name in self.frame.columns if name not in skip]
        found = [
            name
            for name in others
            if 2 * _numbers(self.frame[name]).null_count() <= len(self.frame)
        ]
        if not found:
            raise LaminaError(
                f"no column of numbers among {listed(others)}; need at least one series. Name the "
                "columns, or add one.",
                place=self.path,
            )
        return found

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """``(rows, names)`` float64; not-a-number where a value is missing.

        Raises:
            LaminaError: a value that is no finite number.
        """
        out = np.empty((len(self.frame), len(names)))
        for i, name in enumerate(names):
            column = self.column(name)
            out[:, i] = _numbers(column).fill_null(np.nan).to_numpy()
            # Beyond float32 a network could not read it.
            wrong = np.abs(out[:, i]) > np.finfo(np.float32).max
            if column.dtype == pl.String:
                wrong |= np.isnan(out[:, i]) & ~_blank(column)
            elif not column.dtype.is_numeric():
                wrong |= ~column.is_null().to_numpy()
            if wrong.any():
                row = int(wrong.argmax())
                raise LaminaError(
                    f"{shown(name)} is {shown(str(column[row]))}; need a finite number. Mend it, "
                    "or name the columns without this one.",
                    place=self.place(row),
                )
        return out


def _blank(column: pl.Series) -> np.ndarray:
    return (column.is_null() | (column.str.strip_chars() == "")).fill_null(True).to_numpy()


def _numbers(column: pl.Series) -> pl.Series:
    """Float64, null where a value is no number."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not column.dtype.is_numeric():
        return pl.Series([None] * len(column), dtype=pl.Float64)
    return column.cast(pl.Float64, strict=False)
