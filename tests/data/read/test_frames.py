"""Binary tables: what reading them leaves alone."""

from __future__ import annotations

import os
from typing import Any

import polars as pl

from lamina.data import read_text_table


def test_the_error_stream_of_the_process_is_left_alone(tmp_path, monkeypatch, capfd) -> None:
    """Other threads may be writing there, and a program without a console has none."""
    path, read = tmp_path / "a.parquet", pl.read_parquet
    pl.DataFrame({"text": ["a"], "label": [1]}).write_parquet(path)

    def busy(content: Any) -> pl.DataFrame:
        os.write(2, b"from another thread")
        return read(content)

    monkeypatch.setattr(pl, "read_parquet", busy)
    monkeypatch.setattr("sys.stderr", None)
    assert read_text_table(path, text="text", label="label").texts == ["a"]
    assert capfd.readouterr().err == "from another thread"
