"""The cache folder, for what can be recreated: downloads, and data prepared for training."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from lamina.spec import LaminaError
from lamina.store.atomic import TEMPORARY, sync_folder
from lamina.store.lock import LOCKS, wait_for

#: The environment variable that moves the cache.
VARIABLE = "LAMINA_CACHE"
T = TypeVar("T")


def cache_folder() -> Path:
    """``$LAMINA_CACHE``, or ``lamina`` in the user's cache folder.

    While lamina is not running, anything in it may be deleted; it is recreated when needed.
    """
    if own := os.environ.get(VARIABLE):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lamina")


def stored(
    folder: Path,
    build: Callable[[Path], None],
    load: Callable[[Path], T],
    *,
    waiting: Callable[[], None] = lambda: None,
) -> T:
    """Return what ``load`` reads from ``folder``, built first if it is absent or damaged.

    ``build`` fills a temporary folder, which is then renamed in one step, so ``folder`` is either
    complete or absent. If several processes need it at once, one builds and the others wait. What
    a killed process left behind is deleted by the next one that builds the same folder.

    Args:
        folder: The folder.
        build: Fills the folder that it is given.
        load: Reads the folder; raises LaminaError if it is damaged.
        waiting: Called once if another process is building.

    Raises:
        LaminaError: The folder cannot be written. Errors of ``build``, and of ``load`` on what was
            just built, are passed on.
    """
    with suppress(LaminaError):
        if folder.is_dir():
            return load(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with wait_for(folder.parent / f".{folder.name}.lock", waiting):
            with suppress(LaminaError):  # another process may have built it meanwhile
                if folder.is_dir():
                    return load(folder)
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, build)
    except OSError as error:
        raise LaminaError(
            f"cannot be written: {error.strerror}. Make room, or name another folder for the "
            f"cache: set {VARIABLE}.",
            place=str(folder.parent),
        ) from None
    return load(folder)


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    if LOCKS:  # then no other process is building this folder
        for left in folder.parent.glob(f".{folder.name}.*{TEMPORARY}"):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=TEMPORARY, dir=folder.parent))
    try:
        build(made)
        sync_folder(made)
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.is_dir():  # else, without locks, another process got there first
                raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)
