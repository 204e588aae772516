"""Parquet tables, read by polars."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lamina.data.read.formats.frames import read_frame
from lamina.data.read.table import Table


def read_parquet(path: str | Path) -> Table:
    """All of a Parquet file, its columns in their own types.

    Raises:
        LaminaError: It cannot be read.
    """
    return read_frame(path, pl.read_parquet, "Parquet")
