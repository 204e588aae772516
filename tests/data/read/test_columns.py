"""Which columns are read as numbers: none comes or goes without a word."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from command_line import done, lamina
from lamina.data import read_sequence_table
from lamina.data.read import table
from lamina.data.time.series import read_series
from lamina.spec import ColumnsWarning, LaminaError, LaminaWarning
from lamina.tasks import Regress

CASES = Path(__file__).parents[2] / "cases"


def rows(column: str, *values: str) -> str:
    return "\n".join([f"id,x,{column}", *(f"1,{k},{v}" for k, v in enumerate(values))]) + "\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (rows("note", "a", "b", "c"), r"'note' \(text\)"),
        (rows("strand", "+", "-", "+"), r"'strand' \(text\)"),
        (rows("void", "-", "--", "."), r"'void' \(empty\)"),
        (rows("note", "1", "b", "c", "d"), r"'note' \(text\)"),
        (rows("void", "", " ", ""), r"'void' \(empty\)"),
        (rows("", "0", "1", "2"), r"'' \(row numbers\)"),
        (rows("", "7", "3", "12"), r"'' \(row numbers\)"),  # shuffled
        (rows("Unnamed: 0", "7", "8", "9"), r"'Unnamed: 0' \(row numbers\)"),
        (rows("__index_level_0__", "0", "1", "2"), r"'__index_level_0__' \(row numbers\)"),
        (rows("index", "0", "1", "2"), r"'index' \(row numbers\)"),
        (rows("X", "1", "2", "3"), r"'X' \(row numbers\)"),
        (rows("day", "2024-01-01", "2024-01-02", "2024-01-03"), r"'day' \(dates\)"),
        (rows("ip", "192.168.100.120", "10.0.0.1"), r"'ip' \(text\)"),
        (rows("ip", "192.168.100.120", "192.168.100.121"), r"'ip' \(text\)"),
        (rows("version", "1.2.3", "1.10.0"), r"'version' \(text\)"),
        (rows("version", "1.2", "1.2.3", "1.4.5"), r"'version' \(text\)"),
        (rows("tel", "+49 171 555", "+1 555 123"), r"'tel' \(text\)"),
        (rows("tel", "0171 123 456", "030 111 222"), r"'tel' \(text\)"),
        (rows("code", "0x10", "0xff"), r"'code' \(text\)"),
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
    "written",
    ["-0,98", "1,234.5", "1.234,5", "50%", "50 %", "12'000", "12’000", "1 234", "1_000",
     "1.234.567", "1.234.567.890", "1\u00a0234", "1\u202f234,5", "$5.20", "5,20 €", "−5",
     "٣", "１２"],
)  # fmt: skip
def test_numbers_in_another_notation_are_refused_by_name(tmp_path: Path, written: str) -> None:
    (tmp_path / "t.csv").write_text(rows("signal", *[f'"{written}"'] * 3))
    for read in (
        lambda path: read_sequence_table(path, id="id", label=None),
        lambda path: read_series(path, time="x"),
    ):
        with pytest.raises(LaminaError, match=r"column 'signal' has numbers such as") as caught:
            read(tmp_path / "t.csv")
        assert repr(written) in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [("1", "", "", ""), ("1", "NA", "NA", "NA"), ("NaN", "?", "2"), ("1", "-", "--", ".")],
)
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
    with pytest.warns(ColumnsWarning) as said:
        assert read_series(tmp_path / "t.parquet", time="t").columns == ["y", "on"]
    (note,) = (str(warning.message) for warning in said)
    assert "reads 'on' as 1 for true, 0 for false" in note
    assert note.endswith("leaves out 'many' (list). To choose the columns, use series.")


@pytest.mark.parametrize(
    "values", [("True", "False", "true"), ("yes", "NO", "Yes"), ("false", "false", "no")]
)
def test_true_and_false_are_1_and_0(tmp_path: Path, values: tuple[str, ...]) -> None:
    (tmp_path / "t.csv").write_text(rows("on", *values))
    with pytest.warns(LaminaWarning, match="reads 'on' as 1 for true, 0 for false"):
        found = read_sequence_table(tmp_path / "t.csv", id="id", label=None)
    need = [float(value.lower() in ("true", "yes")) for value in values]
    assert found.sequences[0][:, 1].tolist() == need
    with pytest.warns(LaminaWarning, match="reads 'on' as 1"):
        series = read_series(tmp_path / "t.csv", time="x")
    assert series.series[0].values[:, series.columns.index("on")].tolist() == need
    again = read_sequence_table(tmp_path / "t.csv", id="id", label=None, features=["on"])
    assert again.sequences[0][:, 0].tolist() == need


@pytest.mark.parametrize("values", [("21.5", "no", "22"), ("1", "True", "0", "1")])
def test_a_word_among_numbers_is_no_number(tmp_path: Path, values: tuple[str, ...]) -> None:
    (tmp_path / "t.csv").write_text(rows("heat", *values))
    with pytest.raises(LaminaError, match=r":3: feature 'heat' is '(no|True)'"):
        read_sequence_table(tmp_path / "t.csv", id="id", label=None, missing=True)
    with pytest.raises(LaminaError, match=r":3: 'heat' is '(no|True)'"):
        read_series(tmp_path / "t.csv", time="x", missing="forward")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BLOCK", 4)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("late", [False, True])
def test_all_rows_are_judged_not_the_first(tmp_path: Path, late: bool) -> None:
    """Columns that are empty, or text, until late; and numbers or flags that stop being so."""
    (tmp_path / "t.csv").write_text(rows("heat", *[""] * 10, *map(str, range(20))))
    found = read_sequence_table(tmp_path / "t.csv", id="id", label=None, missing=True)
    assert found.features == ["x", "heat"]
    assert np.nansum(found.sequences[0][:, 1]) == sum(range(20))
    turned = ["1"] * 10 + (["x"] if late else ["True"] * 4) + ["1"] * 15
    (tmp_path / "t.csv").write_text(rows("heat", *turned))
    with pytest.raises(LaminaError, match=rf":1[0-4]: feature 'heat' is '{turned[10]}'"):
        read_sequence_table(tmp_path / "t.csv", id="id", label=None)
    (tmp_path / "t.csv").write_text(rows("heat", *["True"] * 4, *["1"] * 4, "False"))
    with pytest.raises(LaminaError, match=":6: feature 'heat' is '1' here; need either"):
        read_sequence_table(tmp_path / "t.csv", id="id", label=None, features=["heat"])
    (tmp_path / "t.csv").write_text(rows("heat", *["1"] * 4, *["x"] * 9))
    with pytest.warns(ColumnsWarning, match=r"'heat' \(text\)"):
        assert read_sequence_table(tmp_path / "t.csv", id="id", label=None).features == ["x"]


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


BIG = 2**53


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_whole_numbers_that_float64_does_not_hold_are_said_once(
    tmp_path: Path, suffix: str, monkeypatch
) -> None:
    monkeypatch.setattr(table, "BLOCK", 2)
    frame = pl.DataFrame({"id": [BIG, BIG + 1] * 3, "x": [*[BIG] * 3, BIG + 1, -BIG - 1, BIG + 3]})
    path = tmp_path / f"t{suffix}"
    write = {".csv": frame.write_csv, ".jsonl": frame.write_ndjson, ".parquet": frame.write_parquet}
    write[suffix](path)
    with pytest.warns(LaminaWarning) as said:
        found = read_sequence_table(path, id="id", label=None)
    (note,) = said
    assert f"feature 'x' is {BIG + 1}, and is read as {BIG}: " in str(note.message)
    assert str(note.message).startswith(f"{path}{', row 4' if suffix == '.parquet' else ':'}")
    assert found.ids == [str(BIG), str(BIG + 1)]  # as texts: exact
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame.with_columns(x=pl.lit(BIG * 4)).write_parquet(tmp_path / "even.parquet")
        read_sequence_table(tmp_path / "even.parquet", id="id", label=None)


def test_targets_and_series_that_float64_does_not_hold_are_said_once(tmp_path: Path) -> None:
    rows = [f"word{i % 5} other{i},{BIG + i},{i}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["text,target,date", *rows]) + "\n")
    with pytest.warns(
        LaminaWarning, match=f"the target is {BIG + 1}, and is read as {BIG}"
    ) as said:
        Regress(str(tmp_path / "t.csv"), text="text")
    assert len(said) == 1
    with pytest.warns(LaminaWarning, match=f"t.csv:3: 'target' is {BIG + 1}") as said:
        read_series(tmp_path / "t.csv", time="date", columns=["target"])
    assert len(said) == 1


def test_a_note_on_a_table_that_is_read_twice_is_given_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(table, "BLOCK", 2)
    (tmp_path / "t.csv").write_text("id,x,y\n" + "1,2,3\n" * 9 + ",,\n" * 3)
    with pytest.warns(LaminaWarning) as said:
        found = read_sequence_table(tmp_path / "t.csv", id="id", label=None)
    assert [len(each) for each in found.sequences] == [9]
    assert [str(each.message) for each in said] == [
        f"{tmp_path}/t.csv:11: leaves out 3 rows at the end, without a value."
    ]
