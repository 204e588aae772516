"""The folder for what can be made again: downloads, and data in the form that training reads."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from lamina.spec import LaminaError
from lamina.store.atomic import TEMPORARY, sync_folder
from lamina.store.lock import LOCKS, wait_for

#: The environment variable that moves the cache.
VARIABLE = "LAMINA_CACHE"


def cache_folder() -> Path:
    """``$LAMINA_CACHE``, or ``lamina`` in the user's cache folder. Anything in it may be deleted
    while no lamina runs; it is made again when it is needed."""
    if own := os.environ.get(VARIABLE):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lamina")


def built_once(
    folder: Path,
    build: Callable[[Path], None],
    *,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """``folder``, filled by ``build`` if it is not there yet.

    ``build`` fills a temporary folder beside it, which takes its place in one step: ``folder``
    is whole or not there. Of several processes that want it at once one builds, and the others
    wait (after a call of ``waiting``). What a killed process left is deleted by the next one that
    builds the same.

    Raises:
        LaminaError: the folder cannot be written, and whatever ``build`` raises.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with wait_for(folder.parent / f".{folder.name}.lock", waiting):
            if not folder.is_dir():
                _build(folder, build)
    except OSError as error:
        raise LaminaError(
            f"cannot be written: {error.strerror}. Make room, or name another folder for the "
            f"cache: set {VARIABLE}.",
            place=str(folder.parent),
        ) from None
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    if LOCKS:  # then nobody else is at work on this one
        for left in folder.parent.glob(f".{folder.name}.*{TEMPORARY}"):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=TEMPORARY, dir=folder.parent))
    try:
        build(made)
        sync_folder(made)
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, without locks
                raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)
