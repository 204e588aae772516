"""Time series from files: what is read, what is refused and where, and the step between rows."""

from __future__ import annotations

import io
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lamina.data.time.series import read_series
from lamina.data.time.time_formats import read_times, write_times
from lamina.data.time.timestamps import TimeStep, calendar_features
from lamina.spec import ColumnsWarning, LaminaError

HOURS = [datetime(2024, 2, 28, 22) + timedelta(hours=i) for i in range(6)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_wide_table(tmp_path: Path) -> None:
    rows = [f"{t},{i},{-i / 2},note" for i, t in enumerate(HOURS)]
    file = write(tmp_path / "a.csv", "\n".join(["date,load,heat,remark", *rows]) + "\n")
    table = read_series(file, time="date")
    assert table.columns == ["load", "heat"]
    assert table.step == TimeStep(unit="microsecond", size=3_600_000_000)
    assert table.step.season == 24
    (series,) = table.series
    np.testing.assert_array_equal(series.values, [[i, -i / 2] for i in range(6)])
    assert write_times(series.times, table.form) == [str(t) for t in HOURS]
    coming = table.step.after(int(series.times[-1]), 2)
    assert write_times(coming, table.form) == ["2024-02-29 04:00:00", "2024-02-29 05:00:00"]


def test_a_long_table_may_be_scattered(tmp_path: Path) -> None:
    rows = ["t,shop,sales", "1,北京,5", "7,Ωmega,1", "2,北京,6", "8,Ωmega,2", "9,Ωmega,3"]
    file = write(tmp_path / "a.csv", "\n".join(rows))
    table = read_series(file, time="t", id="shop")
    assert [series.id for series in table.series] == ["北京", "Ωmega"]
    assert [series.values.ravel().tolist() for series in table.series] == [[5, 6], [1, 2, 3]]
    assert [series.times.tolist() for series in table.series] == [[1, 2], [7, 8, 9]]


@pytest.mark.parametrize("typed", [True, False])
def test_parquet(tmp_path: Path, typed: bool) -> None:
    times = pl.Series(HOURS) if typed else pl.Series([str(t) for t in HOURS])
    frame = pl.DataFrame({"date": times, "load": range(6), "on": [True] * 6})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.warns(ColumnsWarning, match="reads 'on' as 1 for true"):
        table = read_series(tmp_path / "a.parquet", time="date")
    assert table.columns == ["load", "on"]
    assert write_times(table.series[0].times, table.form) == [str(t) for t in HOURS]
    frame[[0, 1, 2, 5]].write_parquet(tmp_path / "b.parquet")
    with pytest.raises(LaminaError, match=r"b\.parquet, row 4: 2 time stamps are missing"):
        read_series(tmp_path / "b.parquet", time="date")


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([[1], [2]], "'date' is of type List"),
        ([b"1", b"2"], "'date' is of type Binary"),
        ([1.5, 2.5], "row 1: time '1.5' is of no form"),
        ([True, False], "row 1: time 'true' is of no form"),
        ([None, 2], "row 1: has no time here"),
        ([datetime(2024, 1, 1), None], "row 2: has no time here"),
        (pl.Series([0, 2**62]).cast(pl.Datetime("us")), "row 2: time is not in the years"),
    ],
)
def test_parquet_times_that_are_none(tmp_path: Path, times: Any, message: str) -> None:
    pl.DataFrame({"date": times, "load": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(LaminaError, match=message):
        read_series(tmp_path / "a.parquet", time="date")


def test_what_is_missing_takes_what_came_before(tmp_path: Path) -> None:
    rows = ["day,a,b,sun", "2024-01-01,1,4,7", "2024-01-02,,5,8", "2024-01-04,3,,9"]
    file = write(tmp_path / "a.csv", "\n".join([*rows, "2024-01-05,,,6"]))
    table = read_series(file, time="day", columns=["a", "b"], covariates=["sun"], missing="forward")
    (series,) = table.series
    assert series.values.tolist() == [[1, 4], [1, 5], [1, 5], [3, 5]]
    assert series.observed.tolist() == [[True, True], [False, True], [False, False], [True, False]]
    assert series.covariates.ravel().tolist() == [7, 8, 8, 9, 6]  # one row of the future
    assert write_times(series.times, table.form)[2] == "2024-01-03"


@pytest.mark.parametrize(
    ("text", "options", "place", "message"),
    [
        ("date,a\n2024-01-01,1\n2024-01-02,x\n", {}, ":3", "'a' is 'x'"),
        ("date,a\n2024-01-01,1\n2024-01-02,nan\n", {}, ":3", "a value is missing here"),
        ("date,a\n2024-01-01,1\n2024-01-02,1e40\n", {}, ":3", "'a' is '1e40'"),
        ("date,a\n2024-01-01,1\n2024-01-02,\n", {}, ":3", "a value is missing"),
        ("date,a\n2024-01-01,1\nsoon,2\n", {}, ":3", "'soon' is not of the form %Y-%m-%d"),
        ("date,a\nsoon,1\n2024-01-02,2\n", {}, ":2", "no form that is known"),
        ("date,a\n2024-01-01,1\n2024-01-03,2\n2024-01-02,3\n", {}, ":4", "goes back"),
        ("date,a\n2024-01-01,1\n2024-01-01,2\n", {}, ":3", "is repeated"),
        ("t,a\n1,1\n2,1\n3,1\n5,1\n", {"time": "t"}, ":5", "1 time stamp is missing"),
        ("t,a\n2,1\n4,1\n6,1\n9,1\n", {"time": "t"}, ":5", "no whole step of 2"),
        ("date,a\n2024-01-01,1\n2024-01-02,2\n", {"columns": ["b"]}, "", "no column 'b'"),
        ("date,a\n2024-01-01,1\n", {}, "", "no two rows"),
        ("date,a\n", {}, "", "no rows"),
        ("date,a\n2024-01-01\n", {}, ":2", "got 1 field;"),
        ("date,id,a\n2024-01-01,,1\n", {"id": "id"}, ":2", "'id' is empty"),
        ("date,a\n2024-01-01,\n2024-01-02,2\n", {"missing": "forward"}, ":2", "none before it"),
        ("date,a,a\n2024-01-01,1,1\n", {}, ":1", "2 columns named 'a'"),
        ("date,a\n2024-01-01,1\n2024-01-02,1\n", {"time_format": "%Q"}, "", "%Q"),
    ],
)
def test_refusals(tmp_path: Path, text: str, options: dict, place: str, message: str) -> None:
    file = write(tmp_path / "a.csv", text)
    with pytest.raises(LaminaError) as error:
        read_series(file, **{"time": "date", **options})
    assert message in error.value.message
    if place:
        assert error.value.place == f"{file}{place}"


def attempt(file: Path, **options: Any) -> tuple[Any, Any]:
    """What is read, or the refusal."""
    try:
        return read_series(file, time="date", **options), None
    except LaminaError as error:
        return None, error


CELLS = st.sampled_from(["", "1", "-2.5", "x", "nan", "inf", "1e400", "2024-01-02", "٣", '"', "\n"])
STAMPS = st.sampled_from(
    ["2024-01-01", "2024-01-02", "2024-01-04", "1", "2", "99999999999999999", "", "x", "\x00"]
)


@given(
    st.lists(st.tuples(STAMPS, CELLS, CELLS), max_size=6),
    st.sampled_from(["refuse", "forward"]),
    st.sampled_from([None, "id"]),
)
@example([("-9007199254740992", "1", "1"), ("9007199254740992", "1", "1")], "forward", None)
def test_any_table_is_read_or_refused(rows: list, missing: str, id: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(["date,a,id", *(",".join(row) for row in rows)])
        file = write(Path(folder, "a.csv"), text)
        table, error = attempt(file, id=id, missing=missing)
        if table is None:
            assert error.place.startswith(str(file))
            assert len(str(error).splitlines()) == 1
            return
        for series in table.series:
            assert np.isfinite(series.values).all()
            assert (np.diff(table.step.ticks(series.times)) == table.step.size).all()


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_a_broken_parquet_file_is_refused(tail: bytes, at: int, byte: int) -> None:
    whole = io.BytesIO()
    pl.DataFrame({"date": HOURS, "load": range(6)}).write_parquet(whole)
    content = bytearray(whole.getvalue())
    content[at % len(content)] = byte
    with tempfile.TemporaryDirectory() as folder:
        for broken in (bytes(content), bytes(content[: at % len(content)]), b"PAR1" + tail):
            file = Path(folder, "a.parquet")
            file.write_bytes(broken)
            table, error = attempt(file)
            assert table is not None or str(file) in str(error)


@pytest.mark.parametrize(
    ("stamps", "step", "season", "coming"),
    [
        (["2024-01-31", "2024-02-29", "2024-03-31"], "1 month", 12, "2024-04-30"),
        (["2024-01-15", "2024-02-15", "2024-03-15"], "1 month", 12, "2024-04-15"),
        (["2023-01", "2023-04", "2023-07"], "3 months", 4, "2023-10"),
        (["2024-01-05", "2024-01-12", "2024-01-19"], "7 days", 52, "2024-01-26"),
        (["2024-01-05 00:00", "2024-01-05 00:15"], "15 min", 96, "2024-01-05 00:30"),
        (["1948", "1949", "1950"], "1", 1, "1951"),
        (
            ["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"],
            "1 h",
            24,
            "2024-03-31T02:00:00+00:00",
        ),
    ],
)
def test_steps(tmp_path: Path, stamps: list[str], step: str, season: int, coming: str) -> None:
    file = write(tmp_path / "a.csv", "\n".join(["date,a", *(f"{s},1" for s in stamps)]))
    table = read_series(file, time="date")
    assert (str(table.step), table.step.season) == (step, season)
    found = table.step.after(int(table.series[0].times[-1]), 1)
    assert write_times(found, table.form) == [coming]


def test_a_format_of_ones_own(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "date,a\n03.02.2024,1\n04.02.2024,2\n")
    table = read_series(file, time="date", time_format="%d.%m.%Y")
    assert write_times(table.series[0].times, table.form) == ["03.02.2024", "04.02.2024"]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_calendar_features_are_those_of_the_calendar(moment: datetime) -> None:
    times, _ = read_times(pl.Series([moment]), lambda _: "here", None)
    names = ("minute", "hour", "weekday", "day", "month", "yearday")
    seconds = moment.second + moment.microsecond / 1e6
    minutes = moment.minute + seconds / 60
    shares = [
        minutes / 60,
        (moment.hour + minutes / 60) / 24,
        moment.weekday() / 7,
        (moment.day - 1) / 31,
        (moment.month - 1) / 12,
        (moment.timetuple().tm_yday - 1) / 366,
    ]
    want = [f(2 * np.pi * share) for share in shares for f in (np.sin, np.cos)]
    np.testing.assert_allclose(calendar_features(times, names)[0], want, atol=1e-7)


@pytest.mark.parametrize("gap", ["", "NA", "n/a", "NaN", "null", "?"])
def test_a_missing_value_has_the_same_names_in_every_task(tmp_path: Path, gap: str) -> None:
    (tmp_path / "t.csv").write_text(f"date,y\n2024-01-01,1\n2024-01-02,{gap}\n2024-01-03,3\n")
    found = read_series(tmp_path / "t.csv", time="date", missing="forward").series[0]
    assert found.values[:, 0].tolist() == [1, 1, 3]
    assert found.observed[:, 0].tolist() == [True, False, True]
    with pytest.raises(LaminaError, match=r"t\.csv:3: a value is missing here"):
        read_series(tmp_path / "t.csv", time="date")
