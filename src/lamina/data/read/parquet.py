"""Reading Parquet files."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from lamina.data.read.files import unreadable
from lamina.spec import LaminaError


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on stderr meanwhile: over a broken Parquet file threads of polars write pages there,
    past Python, before the exception comes that says all."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_parquet(path: str | Path) -> pl.DataFrame:
    """All of a Parquet file.

    Raises:
        LaminaError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    try:
        with _quiet():
            return pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        what = " ".join(str(error).split())[:100]
        raise LaminaError(f"is no Parquet file that can be read: {what}", place=str(path)) from None
