"""Locks: one process at a time in a folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lamina.spec import LaminaError

try:
    import fcntl
except ImportError:  # Windows has no folder lock that is always released when its process ends
    fcntl = None


#: Whether this system has folder locks.
LOCKS = fcntl is not None


@contextlib.contextmanager
def hold(folder: str | Path) -> Iterator[None]:
    """Lock ``folder`` against other processes inside the block.

    The system releases the lock when the process ends, however it ends.

    Raises:
        LaminaError: Another process is using the folder.
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
                "another process is using this folder. Wait for it, or choose another folder.",
                place=str(folder),
            ) from None
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def wait_for(file: str | Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock ``file`` inside the block, after waiting for any other process that has it.

    Args:
        file: The lock file; it is created, and deleted at the end.
        waiting: Called once if there is a wait.
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
        # A process that waits for the deleted file, or creates a new one, finds the work done.
        Path(file).unlink(missing_ok=True)
    finally:
        os.close(handle)
