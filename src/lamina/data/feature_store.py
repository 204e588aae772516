"""Features on disk: computed once, then mapped into memory, whatever their size."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.spec import LaminaError
from lamina.store.cache import cache_folder

#: Raised where the same sources would give other numbers.
FORMAT = 1
_FRAMES, _LENGTHS = "frames.f32", "lengths.npy"


@dataclass(frozen=True)
class FeatureStore:
    """A folder of features under a key: ``frames.f32``, all frames one after the other, float32
    little-endian, and ``lengths.npy``, how many belong to each recording.

    Args:
        key:  JSON values that say all that the features depend on: the sources' fingerprints and
            how they are computed.
        bins: numbers a frame ``I``.
        root: the folder of all keys; ``None``: ``features`` in lamina's cache.
    """

    key: Any
    bins: int
    root: Path | None = None

    @property
    def folder(self) -> Path:
        """Where they lie, or will."""
        text = json.dumps([FORMAT, self.bins, self.key], sort_keys=True)
        root = self.root or cache_folder() / "features"
        return root / hashlib.sha256(text.encode()).hexdigest()[:40]

    def get(self, count: int, compute: Callable[[int], np.ndarray]) -> Sequence[np.ndarray]:
        """The features of ``count`` recordings, each ``(T, I)``: those on disk, or else
        ``compute(i)`` for each ``i``, written on the way.

        Raises:
            LaminaError: the folder cannot be written; and what ``compute`` raises.
        """
        if not count:
            return []
        found = self._open(count)
        if found is None:
            self._write(count, compute)
            found = self._open(count)
        if found is None:
            raise LaminaError("was changed while it was read; try again", place=str(self.folder))
        return found

    def _open(self, count: int) -> Sequence[np.ndarray] | None:
        """The features, or ``None`` where a file is missing or of another size."""
        try:
            lengths = np.load(self.folder / _LENGTHS, allow_pickle=False)
            frames = np.memmap(self.folder / _FRAMES, dtype="<f4", mode="r")
        except (OSError, ValueError, EOFError):
            return None
        whole = lengths.shape == (count,) and lengths.dtype == np.int64 and lengths.min() >= 0
        if not whole or frames.size != lengths.sum() * self.bins:
            return None
        return np.split(frames.reshape(-1, self.bins), np.cumsum(lengths)[:-1])

    def _write(self, count: int, compute: Callable[[int], np.ndarray]) -> None:
        root, temporary = self.folder.parent, None
        try:
            root.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.mkdtemp(dir=root, prefix=".new-")
            lengths = np.zeros(count, np.int64)
            with open(Path(temporary, _FRAMES), "wb") as file:
                for i in range(count):
                    frames = np.ascontiguousarray(compute(i), dtype="<f4")
                    lengths[i] = len(frames)
                    file.write(frames.tobytes())
                file.flush()
                os.fsync(file.fileno())
            np.save(Path(temporary, _LENGTHS), lengths)
            shutil.rmtree(self.folder, ignore_errors=True)  # damaged, or it would have been opened
            os.replace(temporary, self.folder)
            temporary = None
        except OSError as error:
            if self._open(count) is not None:  # another process was faster
                return
            raise LaminaError(
                f"cannot be written ({error.strerror}). Set LAMINA_CACHE to a folder that can.",
                place=str(self.folder),
            ) from None
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
