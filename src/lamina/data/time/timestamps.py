"""Timestamps of a series: reading and writing them, the step between them, calendar features.

A time is an int64: microseconds since 1970 (UTC), or, in a column of integers, the number itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import msgspec
import numpy as np
import polars as pl

from lamina.data.read.table import shown
from lamina.spec import LaminaError

Unit: TypeAlias = Literal["index", "microsecond", "month", "month-end"]
Calendar: TypeAlias = Literal["minute", "hour", "weekday", "day", "month", "yearday"]

#: Formats of a time column, tried in this order on its first value.
FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%#z",
    "%Y-%m-%d %H:%M:%S%#z",
    "%Y-%m",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
)
#: The format of a column of integers.
INDEX = "index"
#: Larger integers are not accepted as an index; sums of times below it do not overflow.
_LARGEST = 2**53
#: Microseconds at the first moment with a four-digit year, and just after the last.
_YEARS = -62_135_596_800_000_000, 253_402_300_800_000_000

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
#: Seasons by step length: an hour of the day, a day of the week, ...
_SEASONS = ((_DAY, _DAY), (7 * _DAY, 7 * _DAY))


class TimeStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time from one row to the next: ``size`` microseconds, months, or numbers of an index.

    ``month-end`` is the last day of each month.
    """

    unit: Unit
    size: int

    def __post_init__(self) -> None:
        if not 0 < self.size <= _LARGEST:
            raise LaminaError(f"size is {self.size}; need 1 to 2**53")

    def __str__(self) -> str:
        if self.unit == "index":
            return str(self.size)
        if self.unit != "microsecond":
            return f"{self.size} month{'s' * (self.size > 1)}"
        for name, length in (("day", _DAY), ("h", 3600 * _SECOND), ("min", 60 * _SECOND)):
            if self.size % length == 0:
                return f"{self.size // length} {name}"
        return f"{self.size / _SECOND:g} s"

    def ticks(self, times: np.ndarray) -> np.ndarray:
        """Times as counts of the unit, so that regular times are evenly spaced."""
        return times if self.unit in ("index", "microsecond") else _months(times)

    def after(self, last: int, count: int) -> np.ndarray:
        """The ``count`` times that follow ``last``."""
        steps = self.size * np.arange(1, count + 1, dtype=np.int64)
        if self.unit in ("index", "microsecond"):
            return last + steps
        moment = np.array([last], np.int64)
        months = _months(moment) + steps
        rest = moment - _month_start(_months(moment))  # within the month, in microseconds
        if self.unit == "month-end":
            rest = _month_start(months + 1) - _month_start(months) - _DAY + moment % _DAY
        return _month_start(months) + rest

    @property
    def season(self) -> int:
        """Steps in the shortest season with more than one step: a day of hours, a week of days, a
        year of months; 1 if there is none to expect."""
        if self.unit == "index":
            return 1
        if self.unit != "microsecond":
            return 12 // self.size if 12 % self.size == 0 else 1
        for shorter, length in _SEASONS:
            if self.size < shorter and length % self.size == 0:
                return length // self.size
        return 52 if self.size == 7 * _DAY else 1


def read_times(
    column: pl.Series, place: Callable[[int], str], time_format: str | None
) -> tuple[np.ndarray, str]:
    """The times of a column, and their format.

    Args:
        column: text, integers, dates or date-times.
        place: describes the position of a row.
        time_format: in ``strftime`` notation; ``None``: detected from the first value.

    Raises:
        LaminaError: a value is not a time; the message says where.
    """
    if column.dtype == pl.Date:
        found, form = column.cast(pl.Datetime("us")), "%Y-%m-%d"
    elif isinstance(column.dtype, pl.Datetime):
        aware = column.dtype.time_zone is not None
        found = (column.dt.convert_time_zone("UTC") if aware else column).cast(pl.Datetime("us"))
        whole = found.is_null().all() or (found.drop_nulls().dt.microsecond() == 0).all()
        form = "%Y-%m-%d %H:%M:%S" + ("" if whole else "%.f") + ("%:z" if aware else "")
    elif column.dtype.is_integer():
        found, form = column.cast(pl.Int64, strict=False), INDEX
    else:
        text = column.cast(pl.String).str.strip_chars()
        form = time_format or _form(text[0], place(0))
        found = _parse(text, form)
    low, high = (-_LARGEST, _LARGEST) if form == INDEX else _YEARS
    numbers = found.cast(pl.Int64)
    numbers = numbers.set((numbers < low) | (numbers >= high), None)
    if numbers.null_count():
        row = int(numbers.is_null().arg_true()[0])
        if column.dtype.is_temporal() and column[row : row + 1].null_count() == 0:
            raise LaminaError("time is not in the years 1 to 9999. Mend it.", place=place(row))
        raise LaminaError(
            f"time {shown_time(column, row)} is not of the form {form}. Mend it, or give the "
            "column's form with time_format.",
            place=place(row),
        )
    return numbers.to_numpy().astype(np.int64), form


def shown_time(column: pl.Series, row: int) -> str:
    """A time as written in the column, for messages."""
    return shown(column[row : row + 1].cast(pl.String)[0] or "missing")


def read_time(text: str, form: str, what: str) -> int:
    """A single time given by the user as ``what``, in the format of a column or as a date."""
    for each in (form, *FORMATS):
        value = _parse(pl.Series([text], dtype=pl.String), each)[0]
        if value is not None and (each == INDEX) == (form == INDEX):
            return int(pl.Series([value]).cast(pl.Int64)[0])
    raise LaminaError(f"{what} is {text!r}; need a time of the form {form}, as in the file")


def write_times(times: np.ndarray, form: str) -> list[str]:
    """Times in the format of a file."""
    if form == INDEX:
        return [str(time) for time in times.tolist()]
    moments = pl.Series(times).cast(pl.Datetime("us"))
    if "z" in form:
        moments = moments.dt.replace_time_zone("UTC")
        form = form.replace("%#z", "%:z")
    return moments.dt.strftime(form).to_list()


def _form(first: str | None, place: str) -> str:
    if first is not None and re.fullmatch(r"[+-]?\d{1,18}", first):
        return INDEX
    for form in FORMATS:
        if first is not None and _parse(pl.Series([first]), form)[0] is not None:
            return form
    raise LaminaError(
        f"time {shown(first or 'missing')} is of no form that is known (2016-07-01 13:00:00, "
        "2016-07-01, 2016-07, a whole number, ...). Say it with time_format, as strftime does: "
        "%d.%m.%Y.",
        place=place,
    )


def _parse(text: pl.Series, form: str) -> pl.Series:
    """Datetimes, or integers; null where a text does not match."""
    if form == INDEX:
        return text.cast(pl.Int64, strict=False)
    try:
        parsed = text.str.to_datetime(form, strict=False, time_unit="us")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise LaminaError(
            f"time_format {form!r} is no form of a time; for instance %d.%m.%Y"
        ) from None
    return parsed.dt.replace_time_zone(None)


def find_step(times: Sequence[np.ndarray], form: str) -> TimeStep:
    """The most frequent step between neighbours in columns of ascending times.

    Steps are counted in months if neighbours are whole months apart: on the same day and time, or
    on the last day of each.

    Raises:
        LaminaError: no column has two rows.
    """
    steps = np.concatenate([np.diff(column) for column in times])
    steps = steps[steps > 0]
    if not len(steps):
        raise LaminaError("got no two rows that follow each other in time; need at least two")
    if form == INDEX:
        return TimeStep(unit="index", size=_most_frequent(steps))
    every = np.concatenate(times)
    months = np.concatenate([np.diff(_months(column)) for column in times])
    if (months > 0).all():
        ends = _month_start(_months(every) + 1) - every
        same_day = (np.ptp(every - _month_start(_months(every)))) == 0
        if same_day or (np.ptp(ends) == 0 and ends[0] <= _DAY):
            unit: Unit = "month" if same_day else "month-end"
            return TimeStep(unit=unit, size=_most_frequent(months))
    return TimeStep(unit="microsecond", size=_most_frequent(steps))


def _most_frequent(values: np.ndarray) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def calendar_features(times: np.ndarray, names: Sequence[Calendar]) -> np.ndarray:
    """The position of each time in the named cycles, as sine and cosine: ``(T, 2 * names)``.

    ``minute`` of the hour, ``hour`` of the day, ``weekday``, ``day`` of the month, ``month`` of the
    year, ``yearday``.
    """
    columns = []
    for name in names:
        angle = 2 * np.pi * _PHASES[name](times)
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(times), 0))


def _months(times: np.ndarray) -> np.ndarray:
    """Months since 1970."""
    return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _month_start(months: np.ndarray) -> np.ndarray:
    return months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)


def _year_start(times: np.ndarray) -> np.ndarray:
    years = times.astype("datetime64[us]").astype("datetime64[Y]")
    return years.astype("datetime64[us]").astype(np.int64)


#: The elapsed share of each cycle, 0..1.
_PHASES = {
    "minute": lambda t: t % (3600 * _SECOND) / (3600 * _SECOND),
    "hour": lambda t: t % _DAY / _DAY,
    "weekday": lambda t: (t // _DAY + 3) % 7 / 7,  # 1970 began on a Thursday
    "day": lambda t: (t - _month_start(_months(t))) // _DAY / 31,
    "month": lambda t: _months(t) % 12 / 12,
    "yearday": lambda t: (t - _year_start(t)) // _DAY / 366,
}
assert set(_PHASES) == set(get_args(Calendar))
