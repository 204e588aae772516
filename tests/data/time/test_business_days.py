"""Days from Monday to Friday are one step apart, as pandas counts them (freq="B")."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.time.series import read_series
from lamina.data.time.time_formats import write_times
from lamina.data.time.timestamps import TimeStep, find_step
from lamina.spec import LaminaError
from lamina.tasks import Forecast

_DAY = 86_400 * 10**6


def business_days(first: date, count: int) -> list[date]:
    """Counted one by one."""
    found, day = [], first
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += timedelta(days=1)
    return found


def times_of(days: list[date], hour: int = 0) -> np.ndarray:
    start = date(1970, 1, 1)
    return np.array([(day - start).days * _DAY + hour * 3600 * 10**6 for day in days], np.int64)


@given(st.dates(date(1950, 1, 1), date(2080, 1, 1)), st.integers(7, 40), st.integers(0, 23))
def test_they_are_counted_and_continued(first: date, count: int, hour: int) -> None:
    days = times_of(business_days(first, count + 30), hour)
    step = find_step([days[:count]], "%Y-%m-%d %H:%M:%S")
    assert step == TimeStep(unit="business-day", size=1)
    assert np.unique(np.diff(step.ticks(days))).tolist() == [1]
    assert step.after(int(days[count - 1]), 30).tolist() == days[count:].tolist()
    assert (str(step), step.season) == ("1 business day", 5)


def test_days_that_are_none() -> None:
    every = [date(2024, 1, 1) + timedelta(days=k) for k in range(20)]
    week = every[:5]  # shows no weekend
    for days in (every, week, every[:6], every[::7]):
        assert find_step([times_of(days)], "%Y-%m-%d").unit == "microsecond"
    assert find_step([times_of(week)], "%Y-%m-%d", business=True).unit == "business-day"
    long = business_days(date(2024, 1, 1), 20)
    assert find_step([times_of(long)], "%Y-%m-%d", business=False).unit == "microsecond"


def write(path: Path, days: list[date]) -> Path:
    path.write_text("date,x\n" + "".join(f"{day},{k % 7}\n" for k, day in enumerate(days)))
    return path


def test_a_holiday_is_a_missing_day(tmp_path: Path) -> None:
    days = business_days(date(2024, 1, 1), 30)
    del days[12]
    path = write(tmp_path / "t.csv", days)
    with pytest.raises(LaminaError, match=r"1 time stamp is missing .*the step is 1 business day"):
        read_series(path, time="date")
    (series,) = read_series(path, time="date", missing="forward").series
    assert len(series.values) == 30
    assert series.observed[:, 0].tolist() == [k != 12 for k in range(30)]


def test_a_model_goes_on_after_the_weekend_and_reads_a_week(tmp_path: Path) -> None:
    days = business_days(date(2024, 1, 1), 80)
    shape = {"look_back": 4, "horizon": 2}
    model = Forecast(write(tmp_path / "t.csv", days), **shape).model(segment=2, width=2)
    week = business_days(date(2024, 7, 1), 5)
    rows = [row["date"] for row in model.table(write(tmp_path / "week.csv", week))]
    assert rows == ["2024-07-08", "2024-07-09"]
    assert write_times(times_of(week), "%Y-%m-%d")[-1] == "2024-07-05"
    daily = [date(2024, 7, 1) + timedelta(days=k) for k in range(9)]
    with pytest.raises(LaminaError, match="1 day apart; the model was trained on 1 business day"):
        model.table(write(tmp_path / "daily.csv", daily)).__next__()
