"""Binary tables with types, Parquet and Arrow IPC (Feather version 2), read by polars."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from lamina.data.read.decoding import fixed_encoding
from lamina.data.read.files import read_bytes
from lamina.data.read.formats.guard import Format, survives
from lamina.data.read.table import Table, table_of_frame
from lamina.spec import LaminaError


def read_parquet(path: str | Path) -> Table:
    """All of a Parquet file, its columns in their own types.

    Raises:
        LaminaError: It cannot be read.
    """
    return _read(path, pl.read_parquet, "parquet", "Parquet")


def read_arrow(path: str | Path) -> Table:
    """All of an Arrow or Feather file, its columns in their own types.

    Raises:
        LaminaError: It cannot be read.
    """
    return _read(path, pl.read_ipc, "ipc", "Arrow")


def _read(
    path: str | Path, read: Callable[[io.BytesIO], pl.DataFrame], format: Format, name: str
) -> Table:
    fixed_encoding(str(path), name)
    content = read_bytes(path)
    if not survives(content, format):
        raise LaminaError(
            f"is a damaged {name} file: to read it would end the process. Write it again.",
            place=str(path),
        )
    try:
        frame = read(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        what = " ".join(str(error).split())[:100]
        raise LaminaError(
            f"is not a {name} file that can be read: {what}", place=str(path)
        ) from None
    return table_of_frame(str(path), frame)
