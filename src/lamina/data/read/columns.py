"""Which columns of a table are read as numbers, when nobody names them.

A column is, if at least half of its values are numbers; missing values do not count. The others are
left out with a warning, except for those that were surely meant to be read: numbers in a notation
that is not, such as a decimal comma, are refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence

import polars as pl

from lamina.data.read.table import Table, as_numbers, listed, shown
from lamina.spec import LaminaError, LeftOutWarning

#: The cells that mean a missing number, in lower case.
MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
#: Names that pandas gives the row numbers it writes.
_ROW_NUMBERS = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
#: Numbers with a decimal comma, separators between thousands, or a percent sign.
_ALMOST = r"^[+-]?(\d{1,3}([.,' ]\d{3})+|\d+)?([.,]\d+)?([eE][+-]?\d+)? ?%?$"


def is_missing(column: pl.Series) -> pl.Series:
    """Whether each value is missing: null, blank, or a word for it."""
    if column.dtype == pl.String:
        found = column.str.strip_chars().str.to_lowercase().is_in(MISSING)
        return (found | column.is_null()).fill_null(True)
    return column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()


def numeric_columns(
    table: Table, columns: Mapping[str, pl.Series], option: str
) -> tuple[list[str], dict[str, str]]:
    """The names of the columns that are read as numbers, and those of the others with the reason.

    Args:
        table: The table.
        columns: Those that have no other use: their first values, or all.
        option: The option that names the columns, for messages.

    Raises:
        LaminaError: No column is, or one would be if its numbers were written otherwise.
    """
    found: list[str] = []
    left_out: dict[str, str] = {}
    for name, values in columns.items():
        if why := _left_out(table, name, values, option):
            left_out[name] = why
        else:
            found.append(name)
    if not found:
        raise LaminaError(
            f"no column of numbers among {listed([*columns])}; need at least one. Name the columns "
            f"({option}), or add one.",
            place=table.header,
        )
    return found, left_out


def warn_left_out(
    path: str, found: Sequence[str], left_out: Mapping[str, str], option: str
) -> None:
    """Say which columns are not read, and why.

    Warns:
        LeftOutWarning: Unless ``left_out`` is empty.
    """
    if left_out:
        reasons = ", ".join(f"{shown(name)} ({why})" for name, why in left_out.items())
        warnings.warn(
            LeftOutWarning(
                f"{path}: reads {listed(found)}; leaves out {reasons}. To choose the columns, use "
                f"{option}."
            ),
            stacklevel=3,
        )


def _left_out(table: Table, name: str, values: pl.Series, option: str) -> str | None:
    """Why a column is not read as numbers; ``None`` if it is."""
    kind = values.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object) or kind.is_temporal():
        return str(kind).lower()
    there = values.filter(~is_missing(values))
    if not len(there):
        return "empty"
    if _ROW_NUMBERS.fullmatch(name):  # in whatever order: rows may have been shuffled or left out
        return "row numbers"
    numbers = as_numbers(there)
    if 2 * numbers.null_count() <= len(there):
        return None
    if (
        kind == pl.Boolean
        or there.cast(pl.String).str.to_lowercase().is_in(("true", "false")).all()
    ):
        return "true or false; write 1 and 0 to read it"
    almost = there.cast(pl.String).str.strip_chars()
    odd = almost.str.contains(_ALMOST) & almost.str.contains(r"\d")
    written = almost.filter(odd & as_numbers(almost).is_null())
    if 2 * (len(written) + len(there) - numbers.null_count()) >= len(there) and len(written):
        raise LaminaError(
            f"column {shown(name)} has numbers such as {shown(written[0])}; need a decimal point, "
            f"and neither separators between thousands nor %. Write them so, or name the columns "
            f"to read ({option}).",
            place=table.header,
        )
    return "text"
