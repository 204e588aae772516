"""Messages about fields name options on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import TINY, lamina
from lamina.cli.typed import as_typed
from lamina.tasks import TASKS


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("need either text= (a column) or id=", "need either --text (a column) or --id"),
        ("missing_indicator says which", "--missing-indicator says which"),
        ("need missing='forward' or 'mean'", "need --missing forward or 'mean'"),
        ("use joint=True", "use --joint"),
        ("Say which with time_format.", "Say which with --time-format."),
        ("see time_format.py", "see time_format.py"),
        ("epochs is 0; need at least 1", "--epochs is 0; need at least 1"),
        ("or task.model(depth=3)", "or task.model(depth=3)"),
        ("no column 'batch_size'; got text", "no column 'batch_size'; got text"),
        ("--batch-size is 0", "--batch-size is 0"),
        ("Name it: encoding=...", "Name it: --encoding ..."),
        (
            "label 'text=a batch_size lr=3' is rare",
            "label 'text=a batch_size lr=3' is rare",
        ),
        (
            "write it like lr=0.001,0.003 or dropout=0:0.5 or lr=1e-4:1e-2:log.",
            "write it like lr=0.001,0.003 or dropout=0:0.5 or lr=1e-4:1e-2:log.",
        ),
    ],
)
def test_fields_are_named_as_options(message: str, typed: str) -> None:
    assert list(TASKS.values())  # their structs are loaded
    assert as_typed(message) == typed


def test_a_slip_in_a_name_is_seen() -> None:
    done = lamina("train", "classify", "digits", "--cell", "lsmt")
    assert "--cell is 'lsmt'; need one of rnn, gru, lstm" in done.err
    assert done.err.endswith("Did you mean 'lstm'?\n")


def test_notes_name_options_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"caf\xe9 {i},{'ab'[i % 2]}\n" for i in range(40))
    Path("latin.csv").write_text(f"text,label\n{rows}", encoding="latin-1")
    done = lamina("train", "classify", "latin.csv", "--text", "text", "--label", "label", *TINY)
    assert done.status == 0
    assert "read as Windows-1252" in done.err
    assert "give --encoding." in done.err
