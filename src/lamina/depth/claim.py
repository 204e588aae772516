"""Whose folder it is: one search, that may grow by seeds and depths but not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lamina.spec import LaminaError
from lamina.store.atomic import write_json


def claim(folder: Path, config: dict[str, Any]) -> None:
    """Make ``folder`` the place of this search, or refuse: it holds another one, or other files."""
    file = folder / "search.json"
    if not file.exists():
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise LaminaError(
                "is not empty and holds no depth search; choose another folder.",
                place=str(folder),
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LaminaError(f"cannot be made: {error.strerror}", place=str(folder)) from None
    else:
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            raise LaminaError(
                "is not valid JSON; it was cut short or edited", place=str(file)
            ) from None
        if not isinstance(before, dict):
            raise LaminaError("holds no JSON object; it was edited", place=str(file))
        for key, value in config.items():
            difference = _difference(key, before.get(key), value)
            if difference:
                raise LaminaError(
                    f"holds another search: {difference}. Choose another folder, or search as"
                    " before (more seeds and more depths may be added).",
                    place=str(folder),
                )
    write_json(file, config)


def _difference(name: str, before: Any, now: Any) -> str | None:
    """In words, where ``now`` is not ``before`` (or, for seeds and depths, more than before)."""
    if isinstance(before, dict) and isinstance(now, dict):
        # Plain values first: another task, not the options that the two do not share.
        keys = sorted(before.keys() | now.keys(), key=lambda k: (isinstance(now.get(k), dict), k))
        found = (_difference(f"{name}.{k}", before.get(k), now.get(k)) for k in keys)
        return next((difference for difference in found if difference), None)
    if name == "seeds":
        same = isinstance(before, int) and now >= before
    elif name == "depths":
        same = isinstance(before, list) and set(now) >= set(before)
    else:
        same = before == now
    return None if same else f"{name} was {before!r} and is {now!r}"
