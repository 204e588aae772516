"""Binary tables that would end the process that reads them."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from lamina.data.read.formats import guard
from lamina.data.read.registry import TABLES
from lamina.spec import LaminaError

#: polars 2.1 aborts on it: a page says that it has 2**61 bytes.
DAMAGED = Path(__file__).with_name("huge_page.parquet.gz")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.parquet"
    pl.DataFrame({"x": [1.5, 2.5]}).write_parquet(path)
    return path


def read(path: Path) -> list[str]:
    return [text for block in TABLES.find(path)(path).blocks for text in block.texts(0)]


def test_a_page_of_any_size_is_refused_and_the_next_file_is_read(sound: Path) -> None:
    for _ in range(2):
        with pytest.raises(LaminaError, match="is a damaged Parquet file") as caught:
            read(DAMAGED)
        assert caught.value.place == str(DAMAGED)
        assert read(sound) == ["1.5", "2.5"]


def test_what_is_wrong_otherwise_is_said_as_before(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    path.write_text("no table")
    with pytest.raises(LaminaError, match="is not a Parquet file that can be read: "):
        read(path)


def test_a_scout_that_was_killed_is_replaced(sound: Path) -> None:
    assert guard.survives(sound.read_bytes(), "parquet")
    process = guard._SCOUT.process
    assert process is not None
    process.kill()
    process.wait()
    assert read(sound) == ["1.5", "2.5"]


@pytest.mark.parametrize("program", ["", "/nowhere/python", "/bin/true"])
def test_files_are_read_where_no_process_can_go_first(sound: Path, monkeypatch, program) -> None:
    guard._SCOUT.stop()
    monkeypatch.setattr(sys, "executable", program)
    assert read(sound) == ["1.5", "2.5"]
