"""Arrays on disk: written piece by piece, then memory-mapped."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np

from lamina.spec import LaminaError

#: Numbers copied at a time.
_BLOCK = 1 << 20


class ArraySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of an array file: the dtype by its numpy name, and the shape."""

    dtype: str
    shape: tuple[int, ...]


class ArrayFile:
    """An array that grows along its first axis, in a new file or in one that already holds
    ``length`` rows."""

    def __init__(self, path: Path, dtype: str, row: tuple[int, ...] = (), *, length: int = 0):
        self._file = open(path, "ab" if length else "wb")  # noqa: SIM115, closed by close()
        self._dtype, self._row, self._length = np.dtype(dtype), row, length

    def add(self, rows: np.ndarray) -> None:
        """Append ``rows``, ``(n, *row)``."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self._length += len(rows)

    def close(self) -> ArraySpec:
        """Flush the array to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return ArraySpec(self._dtype.str, (self._length, *self._row))


class CountFile:
    """Like :class:`ArrayFile`, for non-negative integers in the smallest type that holds them all:
    it starts with one byte each, and is rewritten when a number needs more."""

    def __init__(self, path: Path):
        self._path = path
        self._array = ArrayFile(path, "<u1")
        self._most = 0xFF

    def add(self, numbers: np.ndarray) -> None:
        """Append numbers ``(n,)``."""
        if len(numbers) and (top := int(numbers.max())) > self._most:
            self._widen("<u2" if top <= 0xFFFF else "<u4")
        self._array.add(numbers)

    def close(self) -> ArraySpec:
        """Flush the array to disk."""
        return self._array.close()

    def _widen(self, dtype: str) -> None:
        narrow = open_array(self._path, self._array.close())
        path = self._path.with_name(self._path.name + ".wider")
        wide = ArrayFile(path, dtype)
        for start in range(0, len(narrow), _BLOCK):
            wide.add(narrow[start : start + _BLOCK])
        length = len(narrow)
        del narrow  # otherwise some systems refuse to replace the file
        wide.close()
        os.replace(path, self._path)
        self._array = ArrayFile(self._path, dtype, length=length)
        self._most = np.iinfo(dtype).max


def open_array(path: Path, form: ArraySpec) -> np.ndarray:
    """Memory-map the array of a file: parts are loaded when read, and the system may drop them
    again.

    Raises:
        LaminaError: the file is missing or has the wrong size.
    """
    dtype = np.dtype(form.dtype)
    need = dtype.itemsize * int(np.prod(form.shape, dtype=np.int64))
    try:
        got = path.stat().st_size
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(path)) from None
    if got != need:
        raise LaminaError(f"has {got:,} bytes; need {need:,}", place=str(path))
    if not need:
        return np.zeros(form.shape, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r", shape=form.shape))
