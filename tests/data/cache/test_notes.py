"""What was noted on a file holds for it when it is found in the cache."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from lamina.data.cache import build
from lamina.data.cache.sequences import cached_sequence_table
from lamina.spec import ColumnsWarning, LaminaError, LaminaWarning
from lamina.store.cache import cache_folder


def notes(path: Path, **how) -> list[str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cached_sequence_table(path, id="id", label=None, **how)
    assert {each.category for each in said} <= {LaminaWarning, ColumnsWarning}
    return [str(each.message) for each in said]


def test_notes_are_given_once_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "KEEP_FROM", 1)
    content = "id;x;wort\n1;2;schöne Grüße aus München\n1;3;über die Straße\n1;4;fünf Äpfel\n;;\n"
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode("cp1252"))
    first = notes(path)
    assert sorted(note.partition(": ")[2].split()[0] for note in first) == [
        "fields",
        "is",
        "leaves",
        "reads",
    ]
    assert sorted(notes(path)) == sorted(first)
    moved = path.rename(tmp_path / "moved.csv")
    assert sorted(notes(moved)) == sorted(note.replace("t.csv", "moved.csv") for note in first)


def test_damaged_notes_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "KEEP_FROM", 1)
    (tmp_path / "t.csv").write_text("id;x\n1;2\n")
    first = notes(tmp_path / "t.csv")
    (kept,) = cache_folder().rglob("notes.json")
    for damage in ("{", "3", "null"):
        kept.write_text(damage)
        assert notes(tmp_path / "t.csv") == first
    (tmp_path / "u.csv").write_text("id;x\n1;2;3\n")
    with pytest.raises(LaminaError), pytest.warns(LaminaWarning, match="semicolons"):
        cached_sequence_table(tmp_path / "u.csv", id="id", label=None)
