"""Arrow IPC files (Feather version 2), read by polars."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lamina.data.read.formats.frames import read_frame
from lamina.data.read.table import Table


def read_arrow(path: str | Path) -> Table:
    """All of an Arrow or Feather file, its columns in their own types.

    Raises:
        LaminaError: It cannot be read.
    """
    return read_frame(path, pl.read_ipc, "Arrow")
