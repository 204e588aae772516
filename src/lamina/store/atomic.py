"""Atomic writes: a reader finds the old content or the new, never a part.

The content is written to a temporary file in the same folder, flushed to disk (``fsync``), and
renamed over the old file in one step (``os.replace``). Then the folder itself is synced, so that
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
from lamina.store.regular import read_regular

#: The suffix of temporary files; those left by a killed process may be deleted.
TEMPORARY = ".tmp"


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, completely or not at all.

    Raises:
        LaminaError: The file cannot be written (no such folder, disk full, ...).
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
    """Write ``text`` as UTF-8, line ends unchanged; otherwise as :func:`write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, obj: Any) -> None:
    """Write ``obj`` as indented JSON; otherwise as :func:`write_bytes`.

    Raises:
        ValueError: ``obj`` holds NaN or infinity, which JSON does not have.
    """
    write_text(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: str | Path, text: str) -> None:
    """Append one line to ``path`` and flush it to disk.

    If the process is killed meanwhile, part of the line may remain, without a line end;
    :func:`whole_lines` skips it.

    Raises:
        ValueError: ``text`` contains a line end.
        LaminaError: The file cannot be written.
    """
    if "\n" in text:
        raise ValueError("append_line writes one line; got a text with a line end inside")
    with _one_line(path), open(path, "ab") as file:
        file.write(text.encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def whole_lines(path: str | Path) -> list[str]:
    """The completely written lines of ``path``, without line ends."""
    *lines, _torn = read_regular(path).split(b"\n")
    return [line.decode("utf-8") for line in lines]


def sync_folder(path: str | Path) -> None:
    """Flush a folder's file names to disk, if the system can (Windows cannot)."""
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
