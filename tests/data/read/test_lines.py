r"""What a line is, in every reader: it ends with ``\n`` or ``\r\n``, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.read.files import CHUNK, lines, read_lines, read_text, text_chunks
from lamina.data.read.pairs import read_pairs
from lamina.data.read.registry import SENTENCES, TABLES
from lamina.data.read.text_table import read_text_table
from lamina.spec import LaminaError

CASES = Path(__file__).parents[2] / "cases"
#: What ``str.splitlines`` cuts at, and a line does not end with.
WITHIN = ("\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


@given(st.text("ab\r\n\x85\u2028\f", max_size=30))
def test_lines_are_those_of_wc(text: str) -> None:
    found = lines(text)
    assert len(found) == text.count("\n") + (not text.endswith("\n") and text != "")
    assert "".join(found).replace("\r", "") == text.replace("\n", "").replace("\r", "")


@pytest.mark.parametrize("mark", WITHIN)
def test_every_reader_keeps_a_line_whole(tmp_path: Path, mark: str) -> None:
    texts = [f"one{mark}half", "two"]
    (tmp_path / "t.csv").write_text("text\n" + "\n".join(texts) + "\n", newline="")
    (tmp_path / "t.tsv").write_text("text\n" + "\n".join(texts) + "\n", newline="")
    for name in ("t.csv", "t.tsv"):
        table = read_text_table(tmp_path / name, text="text", label=None)
        assert table.texts == texts
        assert [place.rpartition(":")[2] for place in table.places] == ["2", "3"]
    (tmp_path / "a").write_text("\n".join(texts), newline="")
    assert read_pairs(tmp_path / "a", tmp_path / "a").sources == texts
    assert read_lines(tmp_path / "a") == texts
    (tmp_path / "s.conll").write_text(f"w{mark}x A\nv B\n", newline="")
    (sentence,) = SENTENCES.find(tmp_path / "s.conll").read(
        tmp_path / "s.conll", word=1, label="2", mask=None
    )
    assert sentence.labels == ["A", "B"]


def test_a_lone_return_shifts_no_pair() -> None:
    pairs = read_pairs(CASES / "tr_cr1.en", CASES / "tr_cr1.de")
    assert len(pairs) == 54
    assert sum("\r" in text for text in pairs.sources + pairs.targets) >= 1


def test_a_return_at_the_end_of_a_chunk_waits_for_the_next(tmp_path: Path) -> None:
    head = "x" * (CHUNK - 1)
    for text, need in (("\r\ny", "\ny"), ("\ry\n", "\ry\n"), ("\r", "\r")):
        (tmp_path / "t").write_text("\n" + head[1:] + text, newline="")
        assert "".join(text_chunks(tmp_path / "t")) == "\n" + head[1:] + need


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_file_of_returns_alone_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("text\ra\rb\r", newline="")
    for read in (TABLES.find(path), read_lines, read_text):
        with pytest.raises(LaminaError, match=r"carriage return alone; need .* tr '\\r' '\\n' <"):
            read(path)
