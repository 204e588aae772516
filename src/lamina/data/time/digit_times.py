"""Times that are written in digits alone: dates such as 20240131, or numbers that count."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import polars as pl

from lamina.data.read.table import shown
from lamina.spec import LaminaError, LaminaWarning

#: Dates in digits alone by their length, with the years in which they are taken for dates; only if
#: every value is one.
COMPACT = {
    6: ("%Y%m", (1900, 2100)),
    8: ("%Y%m%d", (1800, 2200)),
    10: ("%Y%m%d%H", (1900, 2100)),
    12: ("%Y%m%d%H%M", (1900, 2100)),
    14: ("%Y%m%d%H%M%S", (1900, 2100)),
}
#: What numbers between two bounds often are, and how many of them are a second; days count from
#: 1899-12-30.
_EPOCHS = (
    ("seconds since 1970", 1e9, 2.2e9, 1),
    ("milliseconds since 1970", 1e12, 2.2e12, 10**3),
    ("microseconds since 1970", 1e15, 2.2e15, 10**6),
)
_EXCEL, _EXCEL_DAYS = 25569, (20_000, 60_000)


def without_fraction(text: pl.Series) -> pl.Series:
    """Whole numbers without ``.0``, which pandas writes where a column of them has gaps."""
    whole = text.str.extract(r"^([+-]?\d+)\.0+$")
    return whole if whole.null_count() == text.null_count() else text


def compact_form(
    text: pl.Series, place: Callable[[int], str], parse: Callable[[pl.Series, str], pl.Series]
) -> str | None:
    """The format of whole numbers that are dates such as 20240131; ``None``: they count.

    Raises:
        LaminaError: Some are dates and others of the same length are not; nor do they count evenly.

    Warns:
        LaminaWarning: They count, and could be times as others write them.
    """
    sizes = text.drop_nulls().str.len_chars().unique()
    if len(sizes) != 1 or sizes[0] not in COMPACT or not text.str.contains(r"^\d+$").all():
        _say_what_they_could_be(text)
        return None
    form, (first, last) = COMPACT[sizes[0]]
    known = parse(text, form).dt.year().is_between(first, last).fill_null(False)
    known |= text.is_null()
    if known.all():
        return form
    if not known[0] or text.cast(pl.Int64).diff().drop_nulls().n_unique() == 1:
        _say_what_they_could_be(text)
        return None
    row = int((~known).arg_true()[0])
    raise LaminaError(
        f"time {shown(text[row])} is no date, and {shown(text[0])} is one. Correct it; or say with "
        f"time_format which they all are: {form}, or index for numbers that count.",
        place=place(row),
    )


def _say_what_they_could_be(text: pl.Series) -> None:
    numbers = text.cast(pl.Int64, strict=False).drop_nulls()
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 0.0)  # type: ignore[arg-type]
    first = numbers[0] if len(numbers) else 0
    said = f"times are read as numbers that count, from {first}"
    others = [(unit, second) for unit, least, most, second in _EPOCHS if least <= low < high < most]
    remedy = "for calendar and season, write them as dates"
    if others:
        ((unit, second),) = others
        moment = pl.Series([first * (10**6 // second)]).cast(pl.Datetime("us"))[0]
        said += f"; as {unit}, that is {moment}"
        remedy += ", or give time_format='%s'" if second == 1 else ""
    elif _EXCEL_DAYS[0] <= low and high < _EXCEL_DAYS[1]:
        said += (
            f"; as days of a spreadsheet, that is {pl.Series([first - _EXCEL]).cast(pl.Date)[0]}"
        )
    elif low >= 1800_00_00 and high < 2200_00_00:
        remedy = "if they are dates, give time_format (%Y%d%m?)"
    elif low >= 1900_001 and high <= 2100_366 and (numbers % 1000).is_between(1, 366).all():
        remedy = "if they are the days of years, give time_format (%Y%j)"
    else:
        return
    warnings.warn(LaminaWarning(f"{said}: {remedy}."), stacklevel=2)
