"""Times of a series: the step between them, and calendar features.

A time is an int64: microseconds since 1970 (UTC), or, in a column of integers, the number itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec
import numpy as np

from lamina.spec import LaminaError

#: The format of a column of integers that are no dates.
INDEX = "index"

Unit: TypeAlias = Literal["index", "microsecond", "business-day", "month", "month-end"]
Calendar: TypeAlias = Literal["minute", "hour", "weekday", "day", "month", "yearday"]

#: Larger integers are not accepted as an index; sums of times below it do not overflow.
LARGEST = 2**53
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
#: Seasons by step length: an hour of the day, a day of the week, ...
_SEASONS = ((_DAY, _DAY), (7 * _DAY, 7 * _DAY))


class TimeStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time from one row to the next: ``size`` microseconds, months, or numbers of an index.

    ``month-end`` is the last day of each month, ``business-day`` a day from Monday to Friday.
    """

    unit: Unit
    size: int

    def __post_init__(self) -> None:
        if not 0 < self.size <= LARGEST:
            raise LaminaError(f"size is {self.size}; need 1 to 2**53")

    def __str__(self) -> str:
        if self.unit == "index":
            return str(self.size)
        if self.unit != "microsecond":
            name = "business day" if self.unit == "business-day" else "month"
            return f"{self.size} {name}{'s' * (self.size > 1)}"
        for name, length in (("day", _DAY), ("h", 3600 * _SECOND), ("min", 60 * _SECOND)):
            if self.size % length == 0:
                count = self.size // length
                return f"{count} {name}{'s' * (name == 'day' and count > 1)}"
        return f"{self.size / _SECOND:g} s"

    def ticks(self, times: np.ndarray) -> np.ndarray:
        """Times as counts of the unit, so that regular times are evenly spaced."""
        if self.unit == "business-day":
            return np.busday_count("1970-01-01", _days(times))
        return times if self.unit in ("index", "microsecond") else _months(times)

    def after(self, last: int, count: int) -> np.ndarray:
        """The ``count`` times that follow ``last``."""
        steps = self.size * np.arange(1, count + 1, dtype=np.int64)
        if self.unit in ("index", "microsecond"):
            return last + steps
        moment = np.array([last], np.int64)
        if self.unit == "business-day":
            days = np.busday_offset(_days(moment), steps, roll="forward")
            return days.astype("datetime64[us]").astype(np.int64) + last % _DAY
        months = _months(moment) + steps
        rest = moment - _month_start(_months(moment))  # within the month, in microseconds
        if self.unit == "month-end":
            rest = _month_start(months + 1) - _month_start(months) - _DAY + moment % _DAY
        return _month_start(months) + rest

    @property
    def season(self) -> int:
        """Steps in the shortest season with more than one step: a day of hours, a week of days (or
        business days), a year of months; 1 if there is none to expect."""
        if self.unit == "index":
            return 1
        if self.unit == "business-day":
            return 5
        if self.unit != "microsecond":
            return 12 // self.size if 12 % self.size == 0 else 1
        for shorter, length in _SEASONS:
            if self.size < shorter and length % self.size == 0:
                return length // self.size
        return 52 if self.size == 7 * _DAY else 1


def find_step(times: Sequence[np.ndarray], form: str, business: bool | None = None) -> TimeStep:
    """The most frequent step between neighbours in columns of ascending times.

    Steps are counted in months if neighbours are whole months apart: on the same day and time, or
    on the last day of each; in business days, if days follow each other and the weekends alone are
    always left out.

    Args:
        times: a column for each series.
        form: the format of the times.
        business: whether days are business days; ``None``: as the weekends show.

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
    size = _most_frequent(steps)
    if size == _DAY and business is not False and not (_weekday(every) >= 5).any():
        weeks = [(column // _DAY + 3) // 7 for column in times]
        crossed = any((np.diff(week) > 0).any() for week in weeks)
        if (business or crossed) and np.ptp(every % _DAY) == 0:
            return TimeStep(unit="business-day", size=1)
    return TimeStep(unit="microsecond", size=size)


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


def _days(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[us]").astype("datetime64[D]")


def _weekday(times: np.ndarray) -> np.ndarray:
    """0 for Monday to 6 for Sunday; 1970 began on a Thursday."""
    return (times // _DAY + 3) % 7


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
    "weekday": lambda t: _weekday(t) / 7,
    "day": lambda t: (t - _month_start(_months(t))) // _DAY / 31,
    "month": lambda t: _months(t) % 12 / 12,
    "yearday": lambda t: (t - _year_start(t)) // _DAY / 366,
}
assert set(_PHASES) == set(get_args(Calendar))
