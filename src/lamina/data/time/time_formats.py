"""How times are written in a file: finding the format of a column, reading and writing it.

A format is in the notation of ``strftime``, with ``%q`` for a quarter; or it is :data:`INDEX`, of
numbers that count.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl

from lamina.data.read.table import shown
from lamina.data.time.digit_times import compact_form, without_fraction
from lamina.data.time.timestamps import INDEX, LARGEST
from lamina.spec import LaminaError

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
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y-%m-%d %H:%M UTC",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M%#z",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y%m%d %H:%M",
    "%Y%m%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%dT%H%M%S%#z",
    "%Y-%m",
    "%Y-Q%q",
    "%YQ%q",
    "%Y Q%q",
    "Q%q %Y",
    "Q%q-%Y",
    "Q%q/%Y",
    "%qQ%Y",
    "%G-W%V",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m",
    "%Y.%m.%d",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%b %d %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %Y",
    "%B %Y",
    "%b-%Y",
    "%Y-%b",
    "%a, %d %b %Y %H:%M:%S GMT",
    *(f"%Y年%m月%d日{time}" for time in ("", " %H:%M", " %H:%M:%S", " %H时%M分", " %H时%M分%S秒")),
    "%Y年%m月",
    "%Y년 %m월 %d일",
    "%Y년 %m월",
)
#: Dates that begin with the day or the month, and how they go on.
_DAY_OR_MONTH = r"^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})( \d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?)?$"
#: Midnight at the end of a day (ISO 8601), and a second that only some clocks have.
_MIDNIGHT, _LEAP_SECOND = r"([T ])24(:00(?::00(?:\.0+)?)?)", r":60(\D|$)"
#: Microseconds at the first moment with a four-digit year, and just after the last.
_YEARS = -62_135_596_800_000_000, 253_402_300_800_000_000


def read_times(
    column: pl.Series, place: Callable[[int], str], time_format: str | None
) -> tuple[np.ndarray, str]:
    """The times of a column, and their format.

    Args:
        column: text, integers, dates or date-times.
        place: describes the position of a row.
        time_format: in ``strftime`` notation, also for whole numbers, or ``"index"``: the numbers
            themselves count. ``None``: detected.

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
    else:
        if column.dtype.is_float() and (column.drop_nulls() % 1 == 0).all():
            column = column.cast(pl.Int64, strict=False)
        text = without_fraction(column.cast(pl.String).str.strip_chars())
        form = time_format or _form(text, place)
        found = _parse(text, form)
    low, high = (-LARGEST, LARGEST) if form == INDEX else _YEARS
    numbers = found.cast(pl.Int64)
    numbers = numbers.set((numbers < low) | (numbers >= high), None)
    if numbers.null_count():
        row = int(numbers.is_null().arg_true()[0])
        if column.dtype.is_temporal() and column[row : row + 1].null_count() == 0:
            raise LaminaError("time is not in the years 1 to 9999. Mend it.", place=place(row))
        if not (column[row : row + 1].cast(pl.String)[0] or "").strip():
            raise LaminaError("has no time here. Fill it, or take the row out.", place=place(row))
        raise LaminaError(
            f"time {shown_time(column, row)} is not of the form {form}. Mend it, or "
            "give the form of the column with time_format when you train.",
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
    if "%q" in form:
        written = moments.dt.strftime(form.replace("%q", "%%q")).to_list()
        quarters = moments.dt.quarter().cast(pl.String).to_list()
        return [text.replace("%q", q) for text, q in zip(written, quarters, strict=True)]
    return moments.dt.strftime(form).to_list()


def _form(text: pl.Series, place: Callable[[int], str]) -> str:
    """The format of a column: that of its first value, or of all values where the first could be
    read in several ways."""
    row = int(text.is_not_null().arg_max() or 0)
    first = text[row]
    if first is not None and re.fullmatch(r"[+-]?\d{1,18}", first):
        return compact_form(text, place, _parse) or INDEX
    fits = [form for form in FORMATS if first and _parse(pl.Series([first]), form)[0] is not None]
    for form in fits:  # of several ("May 2024"), the one that fits all
        if len(fits) == 1 or _parse(text.drop_nulls(), form).null_count() == 0:
            return form
    if fits:
        return fits[0]
    if first is not None and re.match(_DAY_OR_MONTH, first):
        return _day_or_month(text.drop_nulls(), place(row))
    remedy = "Say it with time_format, as strftime does: %d.%m.%Y."
    if first is not None and re.fullmatch(r"\d{19}", first):
        remedy = "It could be nanoseconds since 1970: write dates, or milliseconds, instead."
    if first is not None and re.match(r"^\d{1,2}([/.-])\d{1,2}\1\d{1,2}\b", first):
        remedy = "The year has two digits. Say with time_format which they are: %d/%m/%y, %m/%d/%y."
    raise LaminaError(
        f"time {shown(first or 'missing')} is of no form that is known (2016-07-01 13:00:00, "
        f"2016-07-01, 2016-07, a whole number, ...). {remedy}",
        place=place(row),
    )


def _day_or_month(text: pl.Series, place: str) -> str:
    """The format of dates such as 31/12/2023, by the values that allow only one.

    Raises:
        LaminaError: every value allows both.
    """
    match = re.match(_DAY_OR_MONTH, text[0])
    assert match is not None
    mark, time, seconds, half = match[2], match[5], match[6], match[7]
    clock = (" %H:%M" + ":%S" * bool(seconds)) if time else ""
    if half:
        clock = clock.replace("%H", "%I") + (" %p" if half.startswith(" ") else "%p")
    day_first, month_first = (f"{order}{mark}%Y{clock}" for order in (f"%d{mark}%m", f"%m{mark}%d"))
    if mark == ".":  # no country writes the month first here
        return day_first
    numbers = [text.str.extract(_DAY_OR_MONTH, group).cast(pl.Int64) for group in (1, 3)]
    if (numbers[0] > 12).any():
        return day_first
    if (numbers[1] > 12).any():
        return month_first
    raise LaminaError(
        f"time {shown(text[0])} could be of the form {day_first} or {month_first}, and so could "
        "all others. Say which with time_format when you train, or write them as 2016-07-01.",
        place=place,
    )


def _parse(text: pl.Series, form: str) -> pl.Series:
    """Datetimes, or integers; null where a text does not match."""
    if form == INDEX:
        return text.cast(pl.Int64, strict=False)
    if "%q" in form:  # a quarter by its first month
        written = "^" + form.replace("%Y", r"(?<y>\d{4})").replace("%q", "(?<q>[1-4])") + "$"
        year, quarter = (text.str.extract_groups(written).struct.field(part) for part in "yq")
        month = (quarter.cast(pl.Int64) * 3 - 2).cast(pl.String)
        text, form = year + "-" + month.str.zfill(2), "%Y-%m"
    elif form == "%G-W%V":  # a week by its Monday
        text, form = text + "-1", "%G-W%V-%u"
    elif form.endswith(("%m月", "%m월")):  # a month by its first day
        text, form = text + " 1", form + " %d"
    elif "%H" in form and "%M" not in form:
        text, form = text + " 00", form + " %M"
    text = text.set(text.str.contains(_LEAP_SECOND), None)
    late = text.str.contains(_MIDNIGHT).fill_null(False)
    text = text.str.replace(_MIDNIGHT, "${1}00${2}")
    try:
        parsed = text.str.to_datetime(form, strict=False, time_unit="us")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise LaminaError(
            f"time_format {form!r} is no form of a time; for instance %d.%m.%Y"
        ) from None
    parsed = parsed.dt.replace_time_zone(None)
    if late.any():
        parsed = parsed.dt.offset_by("1d").set(~late, None).fill_null(parsed.set(late, None))
    if "%Y" in form:  # which takes 24 for the year 24
        written = text.str.contains(r"(^|\D)0\d{3}(\D|$)")
        short = ((parsed.dt.year() < 1000) & ~written).fill_null(False)
        parsed = parsed.set(short, None)
    return parsed
