"""Which columns of a table are read as numbers when nobody names them, and how.

A column is read if at least half of its values are numbers, or if all of them are true or false
(yes or no); missing values do not count. The others are left out with a warning, except for those
that were surely meant to be read: numbers in a notation that is not, such as a decimal comma, are
refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from lamina.data.read.table import Block, Table, as_numbers, listed, shown
from lamina.spec import ColumnsWarning, LaminaError, LaminaWarning

#: The cells that mean a missing number, in lower case.
MISSING = (
    "",
    "na",
    "n/a",
    "#n/a",
    "#na",
    "<na>",
    "nan",
    "-nan",
    "null",
    "none",
    "?",
    "-",
    "--",
    ".",
)
#: Those that only programs write: as a text or a label, they are hardly meant.
WRITTEN_MISSING = frozenset(MISSING) - {"", "none", "?", "-", "--", "."}
#: The cells that mean 1 and 0, in lower case, where a column has no others.
TRUE, FALSE = ("true", "yes"), ("false", "no")
#: Names that pandas gives the row numbers it writes.
_ROW_NUMBERS = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
#: Names that pandas, R and others give such a column once it is one among others.
_MAYBE_ROW_NUMBERS = re.compile(r"index|level_\d+|X|rownames|row_names|\.\.\.1")
#: What some write between thousands: a point, a comma, an apostrophe, or a space of some width.
_GROUPS = "[.,'’_ \u00a0\u2009\u202f]"
#: Numbers with a decimal comma, separators between thousands, a percent or currency sign, a minus
#: that is none on keyboards, or other digits than 0 to 9. No number begins with 0 and more digits,
#: or with + before groups: telephone numbers do.
_ALMOST = (
    rf"^[$€£¥]? ?[+\-−]?((?:[1-9]\d{{0,2}}(?:{_GROUPS}\d{{3}})+)|\d+)?"
    r"(?:[.,]\d+)?(?:[eE][+\-−]?\d+)?[ \u00a0\u202f]?[%$€£¥]?$"
)
_TELEPHONE = rf"^(?:\+\d{{1,3}}|0\d*){_GROUPS}"
#: Versions and addresses: 1.2.3, 192.168.100.120.
_DOTTED = r"^v?\d+(?:\.\d+){2,}$"
_ADDRESS = r"^(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$"
_THOUSANDS = r"^[1-9]\d{0,2}(?:\.\d{3})+$"
_DATE = r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ]\d|$)|^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([ ]\d|$)"


@dataclass(frozen=True)
class Choice:
    """The columns that were chosen.

    Attributes:
        names: Those that are read as numbers.
        flags: Those among them that are true or false: 1 and 0.
        left_out: The others, each with the reason.
    """

    names: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def warn(self, path: str, option: str) -> None:
        """Say what is read in an unusual way, and what is not.

        Warns:
            ColumnsWarning: Of flags, and of columns that are left out.
        """
        said = []
        if self.flags:
            said.append(f"reads {listed(self.flags)} as 1 for true, 0 for false")
        if self.left_out:
            reasons = ", ".join(f"{shown(name)} ({why})" for name, why in self.left_out.items())
            said.append(f"reads {listed(self.names)}; leaves out {reasons}")
        if said:
            remedy = f"To choose the columns, use {option}."
            warnings.warn(ColumnsWarning(f"{path}: {'; '.join(said)}. {remedy}"), stacklevel=3)


def is_missing(column: pl.Series) -> pl.Series:
    """Whether each value is missing: null, blank, or a word or sign for it."""
    if column.dtype == pl.String:
        found = column.str.strip_chars().str.to_lowercase().is_in(MISSING)
        return (found | column.is_null()).fill_null(True)
    return column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()


def read_numbers(column: pl.Series) -> tuple[pl.Series, bool]:
    """Float64, null where a value is missing or not a number; and whether these are flags: all
    values that are there are true or false, which is 1 or 0."""
    if column.dtype == pl.Boolean:
        return column.cast(pl.Float64), True
    found = as_numbers(column)
    if column.dtype == pl.String and found.null_count():
        words = column.str.strip_chars().str.to_lowercase()
        flags = words.is_in(TRUE + FALSE).fill_null(False)
        if flags.any() and (flags | is_missing(column)).all():
            return words.is_in(TRUE).cast(pl.Float64).set(~flags, None), True
    return found, False


def note_rounded(column: pl.Series, what: str, place: Callable[[int], str]) -> bool:
    """Note the first whole number above 2**53 that float64 does not hold; return whether one was
    found.

    Args:
        column: The values as the file has them.
        what: What they are, for the note.
        place: Describes the position of a row.

    Warns:
        LaminaWarning: With the place, the number, and what it is read as.
    """
    if not column.dtype.is_integer() and column.dtype != pl.String:
        return False
    large = (as_numbers(column).abs() >= 2.0**53).fill_null(False)
    for row in large.arg_true().to_list():
        written = str(column[row]).strip()
        if not re.fullmatch(r"[+-]?\d{16,38}", written):
            continue
        exact, found = int(written), int(float(written))
        if exact != found:
            warnings.warn(
                LaminaWarning(
                    f"{place(row)}: {what} is {exact}, and is read as {found}: whole numbers above "
                    "2**53 are rounded. If they are ids, leave them out; else subtract a constant."
                ),
                stacklevel=3,
            )
            return True
    return False


def numeric_columns(
    table: Table, named: Sequence[str], blocks: Iterable[Block], option: str
) -> Choice:
    """Choose the columns that are read as numbers, by all of their values.

    Args:
        table: The table.
        named: The columns that have another use.
        blocks: All rows.
        option: The option that names the columns, for messages.

    Raises:
        LaminaError: No column is one of numbers, or one would be if they were written otherwise.
    """
    places = {at: name for at, name in enumerate(table.columns) if name not in named}
    tallies = {at: _Tally() for at in places}
    for block in blocks:
        for at, tally in tallies.items():
            tally.add(block.series(at))
    choice = Choice()
    for at, name in places.items():
        why = tallies[at].left_out(table, name, option)
        if why:
            choice.left_out[name] = why
            continue
        choice.names.append(name)
        if tallies[at].flags == tallies[at].there:
            choice.flags.append(name)
    if not choice.names:
        raise LaminaError(
            f"no column of numbers among {listed([*places.values()])}; need at least one. Name the "
            f"columns ({option}), or add one.",
            place=table.header,
        )
    return choice


@dataclass
class _Tally:
    """What the values of a column are, counted without the missing ones.

    Attributes:
        kind: Its type, if no value of it can be a number.
        there: All that are there.
        sample: The first number in another notation.
        rows: All rows.
        counter: Whether the values so far are 0, 1, 2, ... or 1, 2, 3, ...
    """

    kind: str = ""
    there: int = 0
    numbers: int = 0
    flags: int = 0
    odd: int = 0
    dotted: int = 0
    dates: int = 0
    sample: str = ""
    rows: int = 0
    counter: bool = True
    _first: int = 0

    def add(self, values: pl.Series) -> None:
        """Count some more values."""
        kind = values.dtype
        if kind.is_nested() or kind in (pl.Binary, pl.Object) or kind.is_temporal():
            name = str(kind).lower().partition("(")[0]
            self.kind = "times" if kind.is_temporal() else name
            return
        there = values.filter(~is_missing(values))
        self.there += len(there)
        if kind == pl.Boolean:
            self.flags += len(there)
            return
        numbers = as_numbers(there)
        isnt = numbers.is_null()
        self._count(values, numbers)
        self.numbers += len(there) - int(isnt.sum())
        if not isnt.any():
            return
        text = there.filter(isnt).cast(pl.String).str.strip_chars()
        self.flags += int(text.str.to_lowercase().is_in(TRUE + FALSE).sum())
        self.dates += int(text.str.contains(_DATE).sum())
        dotted = text.str.contains(_DOTTED)
        dotted &= text.str.contains(_ADDRESS) | ~text.str.contains(_THOUSANDS)
        self.dotted += int(dotted.sum())
        odd = text.str.contains(_ALMOST) & text.str.contains(r"\d")
        odd &= ~dotted & ~text.str.contains(_TELEPHONE)
        self.odd += int(odd.sum())
        if odd.any() and not self.sample:
            self.sample = text.filter(odd)[0]

    def _count(self, values: pl.Series, numbers: pl.Series) -> None:
        """Look whether the values number the rows."""
        if not self.rows and len(numbers):
            self._first = int(numbers[0] == 1)
        due = pl.int_range(self.rows, self.rows + len(values), eager=True) + self._first
        self.rows += len(values)
        self.counter &= len(numbers) == len(values) and bool((numbers == due).all())

    def left_out(self, table: Table, name: str, option: str) -> str:
        """Why a column is not read as numbers; empty if it is.

        Raises:
            LaminaError: Its numbers are in another notation.
        """
        if self.kind:
            return self.kind
        if not self.there:
            return "empty"
        if _ROW_NUMBERS.fullmatch(name):  # in whatever order: rows may have been shuffled
            return "row numbers"
        if self.counter and _MAYBE_ROW_NUMBERS.fullmatch(name):
            return "row numbers"
        if 2 * self.numbers >= self.there or self.flags == self.there:
            return ""
        if self.odd and not self.dotted and 2 * (self.odd + self.numbers) >= self.there:
            raise LaminaError(
                f"column {shown(name)} has numbers such as {shown(self.sample)}; need the digits 0 "
                "to 9 and a decimal point, without separators between thousands and signs such as "
                f"%. Write them so, or name the columns to read ({option}).",
                place=table.header,
            )
        return "dates" if self.dates == self.there else "text"
