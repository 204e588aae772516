"""Every study and bench runs in its quick mode, so that none rots."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLAIMS = sorted(p.name for p in (ROOT / "studies").glob("claim_*.py"))
#: What a study needs beside ``--source``.
MORE = {"mixed_authors.py": ["--other", "plays.txt"]}
TEXT = "the time traveller for so it will be convenient to speak of him was expounding\n" * 80


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "studies").glob("[!c]*.py")))
def test_study(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    book = tmp_path / "book.txt"
    book.write_text(TEXT)
    plays = tmp_path / "plays.txt"
    plays.write_text("KING: what ho! who goes there?\n" * 120)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, "--quick", "--source", str(book), *MORE.get(name, [])])
    runpy.run_path(str(ROOT / "studies" / name), run_name="__main__")
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(table) == 4  # head, rule, two rows
    assert {line.count("|") for line in table} == {table[0].count("|")}
    assert sorted(tmp_path.iterdir()) == [book, plays]


@pytest.mark.parametrize("name", CLAIMS)
def test_claim(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, "--quick"])
    monkeypatch.syspath_prepend(ROOT / "studies")  # as for a script that is run
    runpy.run_path(str(ROOT / "studies" / name), run_name="__main__")
    shown = capsys.readouterr().out
    assert int(name.split("_")[1]) == int(shown.split()[1].rstrip("."))
    table = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(table) > 3
    assert not list(tmp_path.iterdir())  # figures that mean nothing are not kept


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "bench").glob("*.py")))
def test_bench(name: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--quick"])
    monkeypatch.syspath_prepend(ROOT / "bench")  # as for a script that is run
    runpy.run_path(str(ROOT / "bench" / name), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 3  # what it is, a head, a row
