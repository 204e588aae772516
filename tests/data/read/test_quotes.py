"""Quotes that quote, and quotes that are part of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.data.read.registry import TABLES
from lamina.spec import LaminaError

CASES = Path(__file__).parents[2] / "cases"


def rows(path: Path) -> list[list[str | None]]:
    return [list(row) for block in TABLES.find(path)(path).blocks for row in block.fields]


def test_texts_that_begin_with_a_quote_swallow_no_row() -> None:
    found = rows(CASES / "quotes.tsv")
    assert len(found) == 120
    assert any(row[0].startswith('"') for row in found)


@pytest.mark.parametrize(
    ("suffix", "content", "need"),
    [
        ("tsv", 'a\tb\n"x\ty\nm\tn\nz"\tw\n', [['"x', "y"], ["m", "n"], ['z"', "w"]]),
        ("tsv", 'a\tb\n"x\ty\n\nm\tn\nz"\tw\n', [['"x', "y"], ["m", "n"], ['z"', "w"]]),
        ("tsv", 'a\tb\n"x" is said\ty\n', [['"x" is said', "y"]]),  # broken, if quotes quoted
        ("tsv", 'a\tb\n"x\tq\ty\nz"\tw\n', [["x\tq\ty\nz", "w"]]),
        ("tsv", 'a\tb\n"x\ny"\tw\n', [["x\ny", "w"]]),
        ("tsv", 'a\tb\n"x y"\tw\n"no ""no"""\tz\n', [["x y", "w"], ['no "no"', "z"]]),
        ("csv", 'a,b\n"x y\nz",w\n', [["x y\nz", "w"]]),
        ("csv", 'a,b\n"x,y\nz",w\n', [["x,y\nz", "w"]]),
        ("csv", 'a\n"x\ny"\nz\n', [["x\ny"], ["z"]]),
        ("tsv", 'a\n"x\ny"\nz\n', [["x\ny"], ["z"]]),
        ("csv", 'a,b\n"x, y\nz",w\n"1,2,3",4\n', [["x, y\nz", "w"], ["1,2,3", "4"]]),
    ],
)
def test_a_reading_that_is_certain(tmp_path: Path, suffix: str, content: str, need: list) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_text(content)
    assert rows(path) == need


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("csv", 'a,b\n"x,y\nm,n\nz",w\n'),
        ("tsv", 'a\tb\n"x\ty\nz"\tw\n'),
        ("tsv", 'a\tb\n"x\ty\nz"\tw\nshort\n'),
    ],
)
def test_what_could_be_either_is_refused(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_text(content)
    with pytest.raises(LaminaError, match=r":2: a quote opens here and closes on"):
        rows(path)
