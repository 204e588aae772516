"""How times are written: found where it is certain, asked for where it is not."""

from __future__ import annotations

import warnings
from pathlib import Path

import polars as pl
import pytest

from lamina.data.time.series import read_series
from lamina.data.time.time_formats import read_times, write_times
from lamina.data.time.timestamps import find_step
from lamina.spec import LaminaError, LaminaWarning

CASES = Path(__file__).parents[2] / "cases"


def read(values: list, time_format: str | None = None):
    return read_times(pl.Series(values), lambda row: f"t.csv:{row + 2}", time_format)


@pytest.mark.parametrize(
    ("values", "form", "step"),
    [
        ([20231230, 20231231, 20240101], "%Y%m%d", "1 day"),
        (["20231230", "20231231", "20240101"], "%Y%m%d", "1 day"),
        ([20231230, 20231231, 20231232, 20231233], "index", "1"),  # numbers that count
        ([1, 2, 3], "index", "1"),
        ([99999997, 99999998], "index", "1"),
        (["12/30/2023", "12/31/2023"], "%m/%d/%Y", "1 day"),
        (["30/12/2023", "31/12/2023"], "%d/%m/%Y", "1 day"),
        (["01.02.2023 10:00", "01.02.2023 11:00"], "%d.%m.%Y %H:%M", "1 h"),
        (["2023-Q3", "2023-Q4", "2024-Q1"], "%Y-Q%q", "3 months"),
        (["2023Q4", "2024Q1"], "%YQ%q", "3 months"),
        (["2020-W52", "2020-W53", "2021-W01"], "%G-W%V", "7 days"),
        (["2024-01-01 00:00:00 UTC", "2024-01-01 01:00:00 UTC"], "%Y-%m-%d %H:%M:%S UTC", "1 h"),
        ([202311, 202312, 202401], "%Y%m", "1 month"),
        (["2024-01-01 00:00 UTC", "2024-01-01 01:00 UTC"], "%Y-%m-%d %H:%M UTC", "1 h"),
        (["20240101 23:00", "20240102 00:00"], "%Y%m%d %H:%M", "1 h"),
        (["20240101 23:00:00", "20240102 00:00:00"], "%Y%m%d %H:%M:%S", "1 h"),
        (["May 31 2024", "Jun 01 2024"], "%b %d %Y", "1 day"),
        ([202311, 202312, 202313], "index", "1"),
        (["2023123123", "2024010100"], "%Y%m%d%H", "1 h"),
        (["202312312345", "202401010000"], "%Y%m%d%H%M", "15 min"),
        (["20231231235930", "20240101000000"], "%Y%m%d%H%M%S", "30 s"),
        (["Q4 2023", "Q1 2024"], "Q%q %Y", "3 months"),
        (["4Q2023", "1Q2024"], "%qQ%Y", "3 months"),
        (["Dec 2023", "Jan 2024"], "%b %Y", "1 month"),
        (["May 2024", "June 2024"], "%B %Y", "1 month"),
        (["31 Dec 2023", "01 Jan 2024"], "%d %b %Y", "1 day"),
        (["2024.01.05", "2024.01.06"], "%Y.%m.%d", "1 day"),
        (["2023年12月31日", "2024年01月01日"], "%Y年%m月%d日", "1 day"),
        (["2023年12月31日 23:30", "2024年01月01日 00:00"], "%Y年%m月%d日 %H:%M", "30 min"),
        (["2023年12月31日 23时30分", "2024年01月01日 00时00分"], "%Y年%m月%d日 %H时%M分", "30 min"),
        (["2023年12月", "2024年01月"], "%Y年%m月", "1 month"),
        (["2023년 12월 31일", "2024년 01월 01일"], "%Y년 %m월 %d일", "1 day"),
        (["2023년 12월", "2024년 01월"], "%Y년 %m월", "1 month"),
        (["01/13/2024 11:00 AM", "01/13/2024 12:00 PM"], "%m/%d/%Y %I:%M %p", "1 h"),
        (["2023-12-31 11:00 PM", "2024-01-01 12:00 AM"], "%Y-%m-%d %I:%M %p", "1 h"),
        (["2024-02-28", "2024-02-29", "2024-03-01"], "%Y-%m-%d", "1 day"),
        (["2023-12-31", "2024-03-31", "2024-06-30"], "%Y-%m-%d", "3 months"),
        (["2024-01-01 00:00:00", "2024-01-02 00:00:00"], "%Y-%m-%d %H:%M:%S", "1 day"),
    ],
)
def test_a_format_that_is_certain(values: list, form: str, step: str) -> None:
    times, found = read(values)
    assert found == form
    assert write_times(times, form) == list(map(str, values))
    assert str(find_step([times], form)) == step


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+02:00"])
@pytest.mark.parametrize("fraction", ["", ".000", ".500000"])
def test_moments_with_a_zone(zone: str, fraction: str) -> None:
    times, _ = read([f"2024-01-01T0{hour}:00:00{fraction}{zone}" for hour in (2, 3)])
    need = 1_704_074_400 - 7200 * (zone == "+02:00") + 0.5 * fraction.startswith(".5")
    assert times.tolist() == [int(1e6 * (need + 3600 * k)) for k in (0, 1)]


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-01T00:00:00+02:00", "2024-01-01T01:00:00+02:00"],
        ["2023-12-31T19:00:00-05:00", "2023-12-31T20:00:00-05:00"],
    ],
)
def test_a_zone_may_move_a_time_into_another_year(values: list[str]) -> None:
    assert str(find_step([read(values)[0]], "%z")) == "1 h"


@pytest.mark.parametrize(
    ("values", "time_format", "form"),
    [
        ([20231230, 20231231], "index", "index"),
        ([2012012, 2012013], "%Y%j", "%Y%j"),
        (["1/1/24", "2/1/24"], "%d/%m/%y", "%d/%m/%y"),
        (["0032/01/24", "0032/01/25"], None, "%Y/%m/%d"),
    ],
)
def test_a_format_that_was_given(values: list, time_format: str | None, form: str) -> None:
    assert read(values, time_format)[1] == form


@pytest.mark.parametrize(
    ("values", "time_format", "message"),
    [
        (["1/1/24", "2/1/24"], None, r"t\.csv:2: time '1/1/24'.*year has two digits.*%d/%m/%y"),
        (["24/1/1", "24/1/2"], None, "year has two digits"),
        (["1/1/24", "2/1/24"], "%d/%m/%Y", r"t\.csv:2: time '1/1/24' is not of the form %d/%m/%Y"),
        (["31/01/2024", "1/2/24"], None, r"t\.csv:3: time '1/2/24' is not of the form %d/%m/%Y"),
        (["1/2/2024", "2/2/2024"], None, "could be of the form %d/%m/%Y or %m/%d/%Y.*time_format"),
        ([20231230, 20231299, 20240101], None, r"t\.csv:3: time '20231299' is no date"),
        ([1, 2], "%Y%m%d", "'1' is not of the form %Y%m%d"),
        (["2023-Q1", "2023-Q5"], None, r"t\.csv:3: time '2023-Q5' is not of the form %Y-Q%q"),
    ],
)
def test_what_is_not_certain_is_refused(values: list, time_format: str | None, message: str):
    with pytest.raises(LaminaError, match=message):
        read(values, time_format)


@pytest.mark.parametrize(("name", "rows"), [("ymd_month.csv", 31), ("ymd.csv", 200)])
def test_the_days_of_a_case_are_days(name: str, rows: int) -> None:
    table = read_series(CASES / name, time="date")
    assert (str(table.step), table.step.season) == ("1 day", 7)
    assert len(table.series[0].times) == rows


def test_a_column_of_integers_in_parquet_takes_a_format(tmp_path: Path) -> None:
    pl.DataFrame({"t": [2012012, 2012013, 2012014], "y": [1.0, 2.0, 3.0]}).write_parquet(
        tmp_path / "t.parquet"
    )
    table = read_series(tmp_path / "t.parquet", time="t", time_format="%Y%j")
    assert (table.form, str(table.step)) == ("%Y%j", "1 day")


def test_years_of_two_digits_in_a_case_are_refused() -> None:
    with pytest.raises(LaminaError, match=r"dmyy31\.csv:2: .*year has two digits"):
        read_series(CASES / "dmyy31.csv", time="date")


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ([20231230.0, 20231231.0], ["20231230", "20231231"]),  # as pandas writes whole numbers
        (["20231230.0", "20231231.0"], ["20231230", "20231231"]),
        ([1.0, 2.0], ["1", "2"]),
        (["2024/1/5", "2024/1/6"], ["2024/01/05", "2024/01/06"]),
        (["2023-12-31 23:00", "2023-12-31 24:00"], ["2023-12-31 23:00", "2024-01-01 00:00"]),
        (["2023-12-31T24:00:00Z", "2024-01-01T01:00:00Z"],
         ["2024-01-01T00:00:00+00:00", "2024-01-01T01:00:00+00:00"]),
    ],
)  # fmt: skip
def test_other_ways_to_write_the_same(values: list, same: list[str]) -> None:
    times, form = read(values)
    assert write_times(times, form) == same
    assert times.tolist() == read(same)[0].tolist()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([45292, 45293], "as days of a spreadsheet, that is 2024-01-01"),
        ([1_700_000_000, 1_700_003_600], "seconds since 1970, that is 2023-11-14 22:13:20.*%s"),
        ([1_700_000_000.0, 1_700_003_600.0], "seconds since 1970"),
        ([1_700_000_000_000, 1_700_003_600_000], "milliseconds since 1970, that is 2023-11-14"),
        ([1_700_000_000_000_000, 1_700_003_600_000_000], "microseconds since 1970, that is 2023"),
        ([20241301, 20241401], "if they are dates, give time_format"),
    ],
)
def test_numbers_that_could_be_times_are_said(values: list, words: str) -> None:
    with pytest.warns(LaminaWarning, match=words):
        times, form = read(values)
    assert (form, times.tolist()) == ("index", [int(value) for value in values])


@pytest.mark.parametrize("values", [[1, 2, 3], [2020, 2021], [202401, 202402], [0, 45292]])
def test_numbers_that_are_none_are_not_said(values: list) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(values)


def test_seconds_since_1970_may_be_said() -> None:
    times, form = read([1_700_000_000, 1_700_003_600], "%s")
    assert write_times(times, form) == ["1700000000", "1700003600"]
    assert str(find_step([times], form)) == "1 h"


def test_hours_without_minutes_may_be_said() -> None:
    times, form = read(["31.12.2023 23h", "01.01.2024 00h"], "%d.%m.%Y %Hh")
    assert write_times(times, form) == ["31.12.2023 23h", "01.01.2024 00h"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2016-12-31 23:59:59", "2016-12-31 23:59:60"], "t.csv:3: time '2016-12-31 23:59:60' is"),
        ([1_700_000_000_000_000_000], "nanoseconds since 1970"),
        ([0.5, 1.0], "time '0.5' is of no form"),
        (["202312", "202401", "202413", "202402"], "t.csv:4: time '202413' is no date"),
    ],
)
def test_what_is_no_time_is_refused_by_line(values: list, message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        read(values)


def test_days_of_a_year_may_be_said() -> None:
    with pytest.warns(LaminaWarning, match=r"days of years, give time_format \(%Y%j\)"):
        read([2023365, 2024001])
    times, form = read([2023365, 2024001], "%Y%j")
    assert write_times(times, form) == ["2023365", "2024001"]
    assert str(find_step([times], form)) == "1 day"


def test_a_remedy_is_one_that_prediction_has_too() -> None:
    with pytest.raises(LaminaError, match="when you train, or write them as 2016-07-01"):
        read(["01/02/2024", "02/02/2024"])
