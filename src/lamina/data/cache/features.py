"""Features of recordings, computed once and then memory-mapped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lamina.data.cache.arrays import ArrayFile, ArraySpec, open_array
from lamina.spec import LaminaError
from lamina.store.cache import cache_folder, stored

#: Format version of the files below; other versions are rebuilt.
FORMAT = 2

_ABOUT, _FRAMES = "about.json", "frames.bin"


class _About(msgspec.Struct, forbid_unknown_fields=True):
    lengths: list[int]
    frames: ArraySpec


def cached_features(
    key: Any,
    count: int,
    bins: int,
    compute: Callable[[int], np.ndarray],
    *,
    root: Path | None = None,
) -> Sequence[np.ndarray]:
    """The features of ``count`` recordings, float32 ``(T, I)`` each, with different ``T``: views of
    one array on disk, whatever its size, computed by ``compute(i)`` if not stored yet.

    Args:
        key: JSON values that determine the features: the sources' fingerprints and how they are
            computed.
        count: the number of recordings.
        bins: numbers per frame, ``I``.
        compute: the features of recording ``i``.
        root: the folder of all keys; ``None``: ``features`` in lamina's cache.

    Raises:
        LaminaError: the folder cannot be written; also whatever ``compute`` raises.
    """
    if not count:
        return []
    named = json.dumps([FORMAT, count, bins, key], sort_keys=True)
    name = hashlib.sha256(named.encode()).hexdigest()[:32]
    place = (root or cache_folder() / "features") / name

    def build(folder: Path) -> None:
        frames, lengths = ArrayFile(folder / _FRAMES, "<f4", (bins,)), []
        for i in range(count):
            rows = compute(i)
            frames.add(rows)
            lengths.append(len(rows))
        (folder / _ABOUT).write_bytes(msgspec.json.encode(_About(lengths, frames.close())))

    return stored(place, build, lambda folder: _load(folder, count))


def _load(folder: Path, count: int) -> Sequence[np.ndarray]:
    try:
        about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_About)
        frames = open_array(folder / _FRAMES, about.frames)
        if len(about.lengths) != count or sum(about.lengths) != len(frames):
            raise ValueError("lengths")
    except (OSError, msgspec.MsgspecError, TypeError, ValueError) as error:
        raise LaminaError(f"is damaged ({error}); delete it", place=str(folder)) from None
    return np.split(frames, np.cumsum(about.lengths)[:-1])
