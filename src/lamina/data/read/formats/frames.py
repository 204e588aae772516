"""Binary tables with types, which polars reads from memory."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from lamina.data.read.files import read_bytes
from lamina.data.read.table import Table, table_of_frame
from lamina.spec import LaminaError


def read_frame(path: str | Path, read: Callable[[io.BytesIO], pl.DataFrame], name: str) -> Table:
    """The table that ``read`` makes of a file's content.

    Args:
        path: The file, unpacked if its name says so.
        read: A reader of polars.
        name: What the format is called, for the message.

    Raises:
        LaminaError: The file cannot be opened, or is broken.
    """
    content = read_bytes(path)
    try:
        with _quiet():
            frame = read(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        what = " ".join(str(error).split())[:100]
        raise LaminaError(
            f"is not a {name} file that can be read: {what}", place=str(path)
        ) from None
    return table_of_frame(str(path), frame)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on stderr meanwhile: over a broken file, threads of polars write pages there, past
    Python, before the exception comes that says it all."""
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
