"""Which columns are read as numbers: none comes or goes without a word."""

from __future__ import annotations

import warnings
from pathlib import Path

import polars as pl
import pytest

from command_line import done, lamina
from lamina.data import read_sequence_table
from lamina.data.time.series import read_series
from lamina.spec import LaminaError, LaminaWarning

CASES = Path(__file__).parents[2] / "cases"


def rows(column: str, *values: str) -> str:
    return "\n".join([f"id,x,{column}", *(f"1,{k},{v}" for k, v in enumerate(values))]) + "\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (rows("note", "a", "b", "c"), r"'note' \(text\)"),
        (rows("strand", "+", "-", "+"), r"'strand' \(text\)"),
        (rows("note", "1", "b", "c", "d"), r"'note' \(text\)"),
        (rows("on", "True", "False", "true"), r"'on' \(true or false; write 1 and 0 to read it\)"),
        (rows("void", "", " ", ""), r"'void' \(empty\)"),
        (rows("", "0", "1", "2"), r"'' \(row numbers\)"),
        (rows("", "7", "3", "12"), r"'' \(row numbers\)"),  # shuffled
        (rows("Unnamed: 0", "7", "8", "9"), r"'Unnamed: 0' \(row numbers\)"),
        (rows("__index_level_0__", "0", "1", "2"), r"'__index_level_0__' \(row numbers\)"),
        (rows("day", "2024-01-01", "2024-01-02", "2024-01-03"), r"'day' \(text\)"),
    ],
)
def test_what_is_left_out_is_said_with_the_reason(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.warns(LaminaWarning, match=rf"t\.csv: reads 'x'; leaves out {reason}"):
        table = read_sequence_table(tmp_path / "t.csv", id="id", label=None)
    assert table.features == ["x"]


@pytest.mark.parametrize(
    "written", ["-0,98", "1,234.5", "1.234,5", "50%", "50 %", "12'000", "1 234"]
)
def test_numbers_in_another_notation_are_refused_by_name(tmp_path: Path, written: str) -> None:
    (tmp_path / "t.csv").write_text(rows("signal", *[f'"{written}"'] * 3))
    for read in (
        lambda path: read_sequence_table(path, id="id", label=None),
        lambda path: read_series(path, time="x"),
    ):
        with pytest.raises(LaminaError, match=r"column 'signal' has numbers such as") as caught:
            read(tmp_path / "t.csv")
        assert repr(written) in str(caught.value)


@pytest.mark.parametrize("values", [("1", "", "", ""), ("1", "NA", "NA", "NA"), ("NaN", "?", "2")])
def test_a_column_with_gaps_is_refused_by_name_and_not_dropped(tmp_path: Path, values) -> None:
    (tmp_path / "t.csv").write_text(rows("heat", *values))
    with pytest.raises(LaminaError, match="feature 'heat' is"):
        read_sequence_table(tmp_path / "t.csv", id="id", label=None)
    found = read_sequence_table(tmp_path / "t.csv", id="id", label=None, missing=True)
    assert found.features == ["x", "heat"]


def test_names_that_are_given_warn_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(rows("note", "a", "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_sequence_table(tmp_path / "t.csv", id="id", label=None, features=["x"])


def test_types_of_parquet(tmp_path: Path) -> None:
    pl.DataFrame(
        {"t": [1, 2, 3], "y": [1.0, 2.0, 3.0], "on": [True, False, True], "many": [[1], [2], [3]]}
    ).write_parquet(tmp_path / "t.parquet")
    with pytest.warns(LaminaWarning, match=r"leaves out 'on' \(true or false.*'many' \(list"):
        assert read_series(tmp_path / "t.parquet", time="t").columns == ["y"]


def test_the_cases() -> None:
    with pytest.raises(LaminaError, match=r"column 'signal' has numbers such as '-0,98'"):
        read_sequence_table(CASES / "decimalcomma.csv", id="run", label="state")
    with pytest.warns(LaminaWarning, match=r"leaves out '' \(row numbers\)"):
        found = read_sequence_table(CASES / "index.csv", id="run", label="state")
    assert found.features == ["x"]


def test_a_command_says_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("--epochs", 1, "--width", 2, "--depth", 1, "--out", "run")
    found = done(
        lamina("train", "classify", CASES / "index.csv", "--id", "run", "--label", "state", *small)
    )
    (said,) = [line for line in found.err.splitlines() if line.startswith("left out")]
    assert said.endswith("  '' (row numbers)")
    assert "note:" not in found.err
