"""What is made of a large file, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lamina.data.cache.progress import reading, waiting_for
from lamina.data.read.files import fingerprint, is_packed, unreadable
from lamina.spec import LaminaError
from lamina.store.cache import built_once, cache_folder

#: Files of so many bytes are kept; smaller ones are read again as fast as they are found.
KEEP_FROM, KEEP_FROM_GZ = 4 << 20, 256 << 10

#: Called with what is being done and how many bytes of the file have been read.
OnProgress = Callable[[str, int], None]
T = TypeVar("T")


def cached(
    path: str | Path,
    kind: str,
    depends: Mapping[str, Any],
    build: Callable[[Path, OnProgress], None],
    load: Callable[[Path, bool], T],
) -> tuple[T, str]:
    """What ``load`` makes of a folder that ``build`` filled from the file at ``path``, and the
    file's fingerprint.

    The folder of a large file is kept in the cache (see :func:`lamina.store.cache.cache_folder`),
    under the file's content and ``depends``; that of a small one is not.

    kind:    the folder in the cache.
    depends: all else that the result depends on, its format's version included; JSON values.
    load:    is given the folder and whether it stays; raises LaminaError if it is damaged, and it
             is made anew.

    Raises:
        LaminaError: the file cannot be read, or the cache cannot be written.
    """
    content = fingerprint(path)
    if not _large(Path(path)):
        with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
            build(Path(folder), lambda doing, done: None)
            return load(Path(folder), False), content
    named = {**depends, "content": content, "gz": is_packed(path)}
    key = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:32]
    place = cache_folder() / kind / key

    def fill(folder: Path) -> None:
        with reading(path, place) as on_progress:
            build(folder, on_progress)

    built_once(place, fill, waiting=waiting_for(path))
    try:
        return load(place, True), content
    except LaminaError:
        shutil.rmtree(place, ignore_errors=True)
    built_once(place, fill, waiting=waiting_for(path))
    return load(place, True), content


def _large(path: Path) -> bool:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from None
    return size >= (KEEP_FROM_GZ if is_packed(path) else KEEP_FROM)
