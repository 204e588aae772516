"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from lamina.spec import LaminaError

try:
    import fcntl
except ImportError:  # Windows has no lock on a folder that the end of a process always undoes
    fcntl = None


@contextlib.contextmanager
def hold(folder: str | Path) -> Iterator[None]:
    """Keep other processes out of ``folder`` meanwhile; the system lets go when a process ends,
    however it ends.

    Raises:
        LaminaError: another process is at work there.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LaminaError(
                "another process is at work here. Wait for its end, or choose another folder.",
                place=str(folder),
            ) from None
        yield
    finally:
        os.close(handle)
