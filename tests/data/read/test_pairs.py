"""Pairs of texts: read whole or refused with the line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.read.files import read_decoded
from lamina.data.read.formats.tabbed import read_texts
from lamina.data.read.pairs import read_pair_table, read_pairs, read_sources
from lamina.spec import LaminaError


def test_two_files_are_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\r\ntwo\u2028still two\n", encoding="utf-8")
    with gzip.open(tmp_path / "a.zh.gz", "wb") as file:
        file.write("一\n二".encode())
    pairs = read_pairs(tmp_path / "a.en", tmp_path / "a.zh.gz")
    assert pairs.sources == ["one", "two\u2028still two"]
    assert pairs.targets == ["一", "二"]
    assert pairs.places == [f"{tmp_path / 'a.en'}:{n}" for n in (1, 2)]


def test_a_table_needs_no_header_and_knows_no_quotes(tmp_path: Path) -> None:
    file = tmp_path / "p.tsv"
    file.write_text('"Go.\tVa !\n"Hi.\t"Salut !"\n', encoding="utf-8")
    pairs = read_pair_table(file)
    assert pairs.sources == ['"Go.', '"Hi.']
    assert pairs.targets == ["Va !", '"Salut !"']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nc\n", r"p\.tsv:2: got 1 column; need 2"),
        ("a\tb\tc\n", r"p\.tsv:1: got 3 columns; need 2"),
        ("a\tb\n\nc\td\n", r"p\.tsv:2: is blank"),
        ("a\tb\nc\t \n", r"p\.tsv:2: a column is empty"),
        ("", "empty"),
        (" \n", "white space"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "p.tsv").write_text(content)
    with pytest.raises(LaminaError, match=message) as caught:
        read_pair_table(tmp_path / "p.tsv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("go.\tva !\nrun!\tcours !\n", ["go.", "run!"]),
        ("go.\nrun!\n", ["go.", "run!"]),
        ("go.\tva !\nrun!\n", ["go.\tva !", "run!"]),
    ],
)
def test_of_pairs_the_first_is_translated(tmp_path: Path, text: str, sources: list[str]) -> None:
    (tmp_path / "p.txt").write_text(text, encoding="utf-8")
    assert read_sources(tmp_path / "p.txt") == sources


def test_files_of_different_length_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\ny\n")
    (tmp_path / "b").write_text("x\n")
    with pytest.raises(LaminaError, match=r"b: got 1 line, and .*a has 2; need as many"):
        read_pairs(tmp_path / "a", tmp_path / "b")
    with pytest.raises(LaminaError, match="no such file"):
        read_pairs(tmp_path / "a", tmp_path / "c")


@given(st.binary(max_size=60) | st.text("a\t\n\r é中", max_size=20).map(str.encode))
def test_any_file_is_read_whole_or_refused(tmp_path_factory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.tsv"
    file.write_bytes(content)
    for reader in (read_texts, read_pair_table, lambda path: read_pairs(path, path)):
        error = None
        try:
            found = reader(file)
        except LaminaError as raised:
            error = str(raised)
        if error is not None:
            assert error.startswith(str(file))
            assert "\n" not in error
            continue
        text = read_decoded(file).replace("\r\n", "\n")
        assert len(found) == len(text.removesuffix("\n").split("\n"))


@pytest.mark.parametrize("suffix", ["tsv", "txt"])
@pytest.mark.parametrize(
    ("text", "sources"),
    [("go.\tva !\nrun!\tcours !\n", ["go.", "run!"]), ("go.\nrun!\n", ["go.", "run!"])],
)
def test_texts_to_translate_need_no_translation(
    tmp_path: Path, text: str, sources: list[str], suffix: str
) -> None:
    file = tmp_path / f"p.{suffix}"
    file.write_text(text, encoding="utf-8")
    assert read_sources(file) == sources
