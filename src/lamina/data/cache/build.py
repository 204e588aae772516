"""Results derived from a large file, built once and stored in the cache."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lamina.data.cache.progress import reading, waiting_for
from lamina.data.read.decoding import current
from lamina.data.read.files import fingerprint, is_packed, unreadable
from lamina.spec import LaminaError, LaminaWarning
from lamina.store.cache import cache_folder, stored

#: Minimum size in bytes of files that are cached; smaller ones are read again just as quickly.
KEEP_FROM, KEEP_FROM_GZ = 4 << 20, 256 << 10

#: What was said of a file that is not UTF-8.
_DECODED = "decoded.json"
#: What else the reader noted.
_NOTES = "notes.json"

#: Called with the current activity and the bytes of the file read so far.
OnProgress = Callable[[str, int], None]
T = TypeVar("T")


def cached(
    path: str | Path,
    kind: str,
    depends: Mapping[str, Any],
    build: Callable[[Path, OnProgress], None],
    load: Callable[[Path, bool], T],
) -> tuple[T, str]:
    """The result of ``load`` on a folder that ``build`` filled from the file at ``path``, and the
    file's fingerprint.

    The folder of a large file is stored in the cache (see :func:`lamina.store.cache.cache_folder`),
    keyed by the file's content and ``depends``; that of a small one is temporary.

    Args:
        path: the file.
        kind: the folder in the cache.
        depends: everything else that the result depends on, including its format version; JSON
            values.
        build: fills the folder.
        load: is given the folder and whether it persists; raises LaminaError if it is damaged, in
            which case it is rebuilt.

    Raises:
        LaminaError: the file cannot be read, or the cache cannot be written.
    """
    content, how = fingerprint(path), current()
    if not _large(Path(path)):
        with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
            build(Path(folder), lambda doing, done: None)
            return load(Path(folder), False), content
    named = {**depends, "content": content, "gz": is_packed(path)}
    if asked := how.named or how.stored:
        named["encoding"] = asked
    key = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:32]
    place = cache_folder() / kind / key
    notes: list[str] = []
    built = False

    def fill(folder: Path) -> None:
        nonlocal built
        with reading(path, place) as on_progress, _noted(notes):
            build(folder, on_progress)
        prefix, built = str(path), True
        others = [note.removeprefix(prefix) for note in notes if note.startswith(prefix)]
        if said := how.said.get(str(path)):
            (folder / _DECODED).write_text(json.dumps(said), encoding="utf-8")
            others = [note for note in others if note != f": {said[1]}."]
        (folder / _NOTES).write_text(json.dumps(others), encoding="utf-8")

    def found(folder: Path) -> T:
        result = load(folder, True)
        if not built and (folder / _NOTES).exists():
            for note in _read(folder / _NOTES):
                warnings.warn(LaminaWarning(f"{path}{note}"), stacklevel=2)
        if (folder / _DECODED).exists():  # what was said of the file holds for it now
            encoding, note = _read(folder / _DECODED, count=2)
            how.use(str(path), encoding, note)
        return result

    return stored(place, fill, found, waiting=waiting_for(path)), content


@contextmanager
def _noted(notes: list[str]) -> Iterator[None]:
    """Give warnings as ever, and collect the notes on a file that are to be repeated when it is
    found in the cache. That on its encoding is kept by itself, and so are those on its columns."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as found:
            caught = found
            warnings.simplefilter("always", LaminaWarning)
            yield
    finally:
        for each in caught:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    notes += [str(each.message) for each in caught if each.category is LaminaWarning]


def _read(path: Path, count: int | None = None) -> list[str]:
    """Texts that were kept with a result, ``count`` of them.

    Raises:
        LaminaError: The file is damaged.
    """
    try:
        found = list(map(str, json.loads(path.read_bytes())))
        if count not in (None, len(found)):
            raise ValueError(f"{len(found)} texts")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise LaminaError(f"is damaged ({error}); delete it", place=str(path.parent)) from None
    return found


def _large(path: Path) -> bool:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from None
    return size >= (KEEP_FROM_GZ if is_packed(path) else KEEP_FROM)
