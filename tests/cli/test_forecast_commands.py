"""Forecasting from the command line, end to end on a file made here."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from command_line import Outcome, done, lamina, tree

FORECAST = ("forecast", "power.csv", "--look-back", 24, "--horizon", 6)
TINY = ("--width", 4, "--segment", 6, "--epochs", 1)


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with ten days of hours in it."""
    start = datetime(2024, 1, 1)
    rows = [
        f"{start + timedelta(hours=i)},{10 + math.sin(i / 24 * 6.283):.3f},{i % 7}"
        for i in range(240)
    ]
    (tmp_path / "power.csv").write_text("\n".join(["date,north,south", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(outcome: Outcome, *phrases: str) -> None:
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1
    for phrase in phrases:
        assert phrase in outcome.err


def test_train_evaluate_predict() -> None:
    shown = done(lamina("train", *FORECAST, *TINY, "--out", "run"))
    first, head, *table = shown.out.splitlines()[:5]
    assert first.startswith("test mse ")
    assert "over 516 predictions" in first  # 43 windows, 6 steps, 2 series
    assert head.split() == ["mse", "mae", "mae,", "original", "smape,", "%", "mase"]
    names = [line[:18].strip() for line in table]
    assert names == ["network", "last value", "season before (24)"]
    assert "lamina predict run --file FILE" in shown.err

    scores = json.loads(Path("run/test.json").read_text())
    assert f"{scores['mase']:.4f}" in table[0]
    again = done(lamina("evaluate", "run", "power.csv"))
    assert again.out.startswith("test mse ")

    lines = list(
        csv.DictReader(io.StringIO(done(lamina("predict", "run", "--file", "power.csv")).out))
    )
    stamps = [str(datetime(2024, 1, 11) + timedelta(hours=i)) for i in range(6)]
    assert [line["date"] for line in lines] == stamps
    objects = done(lamina("predict", "run", "--file", "power.csv", "--json")).out.splitlines()
    for line, row in zip(lines, map(json.loads, objects), strict=True):
        assert list(row) == ["date", "north", "south"]
        assert float(line["north"]) == pytest.approx(row["north"], rel=1e-5)


def test_quantiles() -> None:
    shown = done(lamina("train", *FORECAST, *TINY, "--loss", "quantile", "--out", "run"))
    assert shown.out.startswith("test pinball ")
    assert "between 0.1 and 0.9: " in shown.out
    made = done(lamina("predict", "run", "--file", "power.csv", "--json")).out.splitlines()
    for row in map(json.loads, made):
        assert row["north_0.1"] <= row["north_0.5"] <= row["north_0.9"]


def test_depth() -> None:
    shape = ("--depths", "1,2", "--seeds", 2, "--out", "search", *TINY)
    shown = done(lamina("depth", *FORECAST, *shape))
    assert "test mse" in shown.out
    assert "without a network: mse" in shown.out
    assert "validation windows" in " ".join(shown.out.split())
    assert "4 of them done" in done(lamina("depth", *FORECAST, *shape)).err
    done(lamina("predict", "search", "--file", "power.csv"))


def test_refusals_are_one_line_and_leave_nothing(world: Path) -> None:
    before = tree(world)
    train = ("train", *FORECAST, "--out", "run")
    refused(lamina(*train, "--time", "day"), "power.csv", "no column 'day' (--time)", "date")
    refused(lamina(*train, "--look-back", "1000"), "one window needs 1,006")
    refused(lamina(*train, "--segment", "7"), "--segment is 7", "divides --look-back")
    refused(lamina(*train, "--calendar", "moon"), "--calendar is 'moon'; need minute|hour|weekday")
    refused(lamina(*train, "--scheme", "both"), "--scheme is 'both'")
    refused(lamina("train", "forecast", "nowhere.csv"), "nowhere.csv: no such file")
    assert tree(world) == before
    rows = Path("power.csv").read_text().splitlines()
    Path("gap.csv").write_text("\n".join([*rows[:50], *rows[51:]]))
    refused(
        lamina("train", "forecast", "gap.csv"), "gap.csv:51: 1 time stamp is missing", "forward"
    )


def test_what_a_run_refuses() -> None:
    done(lamina("train", *FORECAST, *TINY, "--out", "run"))
    refused(lamina("predict", "run"), "need a file")
    refused(lamina("predict", "run", "--file", "nowhere.csv"), "nowhere.csv: no such file")
    Path("short.csv").write_text("\n".join(Path("power.csv").read_text().splitlines()[:9]))
    refused(lamina("predict", "run", "--file", "short.csv"), "got 8 rows; the model reads 24")
    refused(lamina("evaluate", "run", "short.csv"), "got 8 rows; one window needs 30")
    scale = Path("run/scale.json")
    scale.write_text(scale.read_text().replace("mean", "mode"))
    refused(lamina("predict", "run", "--file", "power.csv"), "run")
