"""Ownership of a folder: one search, with any seeds and depths."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamina.spec import LaminaError
from lamina.store.atomic import write_json
from lamina.store.lock import hold
from lamina.store.objects import read_object
from lamina.store.regular import refuse_links

#: Configuration that may change between sessions; each change is another look at the search.
_FREE = frozenset({"depths", "seeds"})

#: What a search reads and writes in its folder, beside the runs in ``trials``.
_FILES = ("search.json", "owner.txt", "study.db", "verdict.json", "report.html")


@contextlib.contextmanager
def claimed(folder: Path, config: dict[str, Any]) -> Iterator[None]:
    """Reserve ``folder`` for this search and, while the context is open, for this process.

    Raises:
        LaminaError: it holds another search or other files, or another process is using it; nothing
            has been changed.
    """
    _make(folder)
    trials = folder / "trials"
    runs = trials.iterdir() if trials.is_dir() else ()
    refuse_links(folder, (*(folder / name for name in _FILES), trials, *runs))
    with hold(folder):
        _check(folder / "search.json", config)
        write_json(folder / "search.json", config)
        yield


def _make(folder: Path) -> None:
    if not (folder / "search.json").exists():
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise LaminaError(
                "is not empty and holds no depth search; choose another folder.",
                place=str(folder),
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LaminaError(f"cannot be made: {error.strerror}", place=str(folder)) from None


def _check(file: Path, config: dict[str, Any]) -> None:
    if file.exists():
        before = read_object(file)
        for key, value in config.items():
            difference = _difference(key, before.get(key), value)
            if difference:
                raise LaminaError(
                    f"holds another search: {difference}. Choose another folder, or search as"
                    " before (seeds and depths may be others).",
                    place=str(file.parent),
                )


def _difference(name: str, before: Any, now: Any) -> str | None:
    """How ``now`` differs from ``before``, in words, ignoring what may change; None if it does
    not."""
    if isinstance(before, dict) and isinstance(now, dict):
        # Plain values first: name the task, not the options that the two do not share.
        keys = sorted(before.keys() | now.keys(), key=lambda k: (isinstance(now.get(k), dict), k))
        found = (_difference(f"{name}.{k}", before.get(k), now.get(k)) for k in keys)
        return next((difference for difference in found if difference), None)
    if name in _FREE:
        return None
    return None if before == now else f"{name} was {before!r} and is {now!r}"
