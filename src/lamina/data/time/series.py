"""Time series from a table: wide (one column per series) or long (a column identifies the series).

Times must ascend in equal steps. Missing values are refused, or filled with the preceding value if
requested; nothing is ever filled from the future.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from lamina.data.read.columns import Choice
from lamina.data.read.table import shown
from lamina.data.time.time_formats import read_times
from lamina.data.time.timed_table import TimedTable
from lamina.data.time.timestamps import TimeStep, find_step
from lamina.spec import LaminaError
from lamina.spec.counted import counted

MissingSteps: TypeAlias = Literal["refuse", "forward"]


@dataclass(frozen=True)
class Series:
    """The rows of one id (of a wide table: all rows), one step apart.

    Attributes:
        id: its name; empty in a wide table.
        times: ``(T,)`` int64, see :mod:`lamina.data.time.timestamps`.
        values: ``(T, C)`` float64, with missing values filled.
        observed: ``(T, C)`` bool: false if a value was missing.
        covariates: ``(T + F, K)`` float64: with ``F`` rows beyond the end of the values.
        place: the file, and the id.
    """

    id: str
    times: np.ndarray
    values: np.ndarray
    observed: np.ndarray
    covariates: np.ndarray
    place: str


@dataclass(frozen=True)
class SeriesTable:
    """The contents of a file.

    Attributes:
        series: one per id, in order of first appearance.
        columns: the names of the ``C`` value columns.
        form: the format of the times.
        step: the time from row to row.
        path: the file.
        choice: the columns that were chosen, if nobody named them.
    """

    series: list[Series]
    columns: list[str]
    form: str
    step: TimeStep
    path: str
    choice: Choice = field(default_factory=Choice)


def read_series(
    path: str | Path,
    *,
    time: str,
    id: str | None = None,
    columns: Sequence[str] = (),
    covariates: Sequence[str] = (),
    time_format: str | None = None,
    missing: MissingSteps = "refuse",
    business: bool | None = None,
) -> SeriesTable:
    """Time series from any table.

    Args:
        path: The file.
        time: The column of the time: dates, date-times, or whole numbers.
        id: The column that says which series a row belongs to; ``None``: a wide table.
        columns: The columns of values; empty: every other column of numbers.
        covariates: Columns that are known in advance. Rows at the end with covariates and without
            values are the future.
        time_format: How times are written, as ``strftime`` does; ``None``: found by the first row.
        missing: Whether blank values and left-out time stamps are refused, or take what came
            before.
        business: Whether days are business days; ``None``: as the weekends show.

    Raises:
        LaminaError: With the line: a broken file, a missing column, a value that is not a finite
            number, or times that do not ascend by one step.
    """
    table = TimedTable.read(path, time)
    named = [time, *([] if id is None else [id]), *columns, *covariates]
    table.table.check_roles(named)
    table.column(time)  # missed before the other columns are judged
    choice = Choice(list(columns)) if columns else table.choose(named)
    values_of = choice.names
    times, form = read_times(table.column(time), table.place, time_format)
    values, known = table.numbers(values_of), table.numbers(list(covariates))
    names, members = _members(table, id)
    _check_order(table, times, members)
    # Rows at the end without values are the future of the covariates.
    ends = [_end(values[rows]) if covariates else len(rows) for rows in members]
    for name, end in zip(names, ends, strict=True):
        if not end:
            raise LaminaError("has no row with a value", place=_place(path, name))
    try:
        step = find_step([times[rows] for rows in members], form, business)
    except LaminaError as error:
        raise LaminaError(error.message, place=str(path)) from None
    found = []
    for name, rows, end in zip(names, members, ends, strict=True):
        if missing == "refuse":
            _check_filled(table, rows[:end], values)
            _check_filled(table, rows, known)
        at = _steps(table, step, times, rows, missing)
        place, first = _place(path, name), table.place(int(rows[0]))
        every = _placed(values[rows[:end]], at[:end])
        start = times[rows[:1]]
        moments = np.concatenate([start, step.after(int(start[0]), len(every) - 1)])
        ahead = _forward(_placed(known[rows], at), first)
        found.append(
            Series(name, moments, _forward(every, first), np.isfinite(every), ahead, place)
        )
    return SeriesTable(found, values_of, form, step, str(path), choice)


def _place(path: str | Path, name: str) -> str:
    return f"{path}, id {name}" if name else str(path)


def _end(values: np.ndarray) -> int:
    """The number of rows up to the last with a value."""
    filled = np.flatnonzero(np.isfinite(values).any(axis=1))
    return int(filled[-1]) + 1 if len(filled) else 0


def _members(table: TimedTable, id: str | None) -> tuple[list[str], list[np.ndarray]]:
    """The names of the series and the rows of each, in the order of the file."""
    if id is None:
        return [""], [np.arange(len(table))]
    ids = table.column(id).cast(pl.String).str.strip_chars()
    empty = (ids.is_null() | (ids == "")).fill_null(True).arg_true()
    if len(empty):
        raise LaminaError(
            f"column {shown(id)} is empty here. Fill it or take the row out.",
            place=table.place(int(empty[0])),
        )
    members: dict[str, list[int]] = {}
    for row, name in enumerate(ids.to_list()):
        members.setdefault(name, []).append(row)
    return list(members), [np.array(rows) for rows in members.values()]


def _check_order(table: TimedTable, times: np.ndarray, members: list[np.ndarray]) -> None:
    for rows in members:
        back = np.flatnonzero(np.diff(times[rows]) <= 0)
        if len(back):
            before, at = (int(rows[back[0] + i]) for i in (0, 1))
            same = times[at] == times[before]
            raise LaminaError(
                f"time {table.text(at)} {'is repeated' if same else 'goes back'}; need "
                "ascending times, each once. Sort the rows, and remove the copies; or name the "
                "column that tells series apart (id).",
                place=table.place(at),
            )


def _check_filled(table: TimedTable, rows: np.ndarray, values: np.ndarray) -> None:
    gap = np.flatnonzero(np.isnan(values[rows]).any(axis=1))
    if len(gap):
        raise LaminaError(
            "a value is missing here. Fill it, take the column out, or fill it with "
            "missing='forward'.",
            place=table.place(int(rows[gap[0]])),
        )


def _steps(
    table: TimedTable, step: TimeStep, times: np.ndarray, rows: np.ndarray, missing: MissingSteps
) -> np.ndarray:
    """The number of steps from the first row of a series to each of its rows.

    Raises:
        LaminaError: a row is not a whole number of steps after the previous one, or, unless gaps
            are filled, more than one.
    """
    ticks = step.ticks(times[rows])
    gaps = np.diff(ticks)
    uneven = np.flatnonzero(gaps % step.size)
    if len(uneven):
        before, at = (int(rows[uneven[0] + i]) for i in (0, 1))
        raise LaminaError(
            f"time {table.text(at)} is no whole step of {step} after {table.text(before)}; "
            "need even times. Bring the rows to an even step first.",
            place=table.place(at),
        )
    wide = np.flatnonzero(gaps != step.size)
    if len(wide) and missing == "refuse":
        at, left_out = int(rows[wide[0] + 1]), int(gaps[wide[0]] // step.size) - 1
        raise LaminaError(
            f"{left_out:,} time stamp{'s are' if left_out > 1 else ' is'} missing before "
            f"{table.text(at)} (the step is {step}). Add the rows, or fill them with "
            "missing='forward'.",
            place=table.place(at),
        )
    steps = (ticks - ticks[0]) // step.size
    if int(steps[-1]) > 100 * len(rows) + 1000:
        raise LaminaError(
            f"has {counted(len(rows), 'row')} for {int(steps[-1]) + 1:,} steps of {step}; too "
            "few to fill the rest. Bring the rows to a longer step first.",
            place=table.table.path,
        )
    return steps


def _placed(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows placed at their steps, with the steps between them missing."""
    every = np.full((int(at[-1]) + 1, values.shape[1]), np.nan)
    every[at] = values
    return every


def _forward(values: np.ndarray, first: str) -> np.ndarray:
    """Replace each missing value by the last one before it.

    Raises:
        LaminaError: there is none before it.
    """
    if np.isnan(values[:1]).any():
        raise LaminaError(
            "a value is missing in the first row, with none before it to carry forward. Remove the "
            "rows before the first value, or leave the column out.",
            place=first,
        )
    there = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(there, axis=0), axis=0)
