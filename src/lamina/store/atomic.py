"""Writing files so that a reader finds the old content or the new one, never a part.

The content goes to a temporary file in the same folder, reaches the disk (``fsync``), and takes
the place of the old file in one step (``os.replace``); then the folder itself is synced, so that
the new name survives a power cut.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamina.spec import LaminaError

#: How the names of temporary files end; what a killed process left may be deleted.
TEMPORARY = ".tmp"


def write_bytes(path: str | Path, data: bytes) -> None:
    """Put ``data`` at ``path``, whole or not at all.

    Raises :class:`LaminaError` where that cannot be done (no such folder, disk full, ...).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    with _one_line(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Put ``text`` at ``path`` as UTF-8 with the line ends it has, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, obj: Any) -> None:
    """Put ``obj`` at ``path`` as indented JSON, whole or not at all.

    Raises ``ValueError`` for not-a-number and infinity, which JSON does not have.
    """
    write_text(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: str | Path, text: str) -> None:
    """Add one line to ``path`` and see it to the disk.

    A process killed meanwhile may leave a part of the line, without its line end:
    :func:`whole_lines` leaves such a part out.
    """
    if "\n" in text:
        raise ValueError("append_line writes one line; got a text with a line end inside")
    with _one_line(path), open(path, "ab") as file:
        file.write(text.encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def whole_lines(path: str | Path) -> list[str]:
    """The lines of ``path`` that were written to their end, without line ends."""
    *lines, _torn = Path(path).read_bytes().split(b"\n")
    return [line.decode("utf-8") for line in lines]


def sync_folder(path: str | Path) -> None:
    """See the names in a folder to the disk, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _one_line(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LaminaError(f"cannot be written: {error.strerror}", place=str(path)) from error
