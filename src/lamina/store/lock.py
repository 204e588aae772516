"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lamina.spec import LaminaError

try:
    import fcntl
except ImportError:  # Windows has no lock on a folder that the end of a process always undoes
    fcntl = None


#: Whether this system has such locks.
LOCKS = fcntl is not None


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


@contextlib.contextmanager
def wait_for(file: str | Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Wait until no other process is in here with the same ``file``, and keep others waiting
    meanwhile. ``waiting`` is called once where it takes a wait. The file is deleted at the end.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        # Who still waits for the deleted file, or makes a new one, finds the work done.
        Path(file).unlink(missing_ok=True)
    finally:
        os.close(handle)
