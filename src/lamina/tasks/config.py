"""What ``config.json`` says of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def task_config(
    name: str, data: msgspec.Struct, fingerprints: Mapping[str, str], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """What :func:`lamina.tasks.reopen` makes the task of again.

    data:         the fields that the task was made with.
    fingerprints: of each file, so that another one of that name is noticed.
    sizes:        how much there is in each part; for people.
    """
    return {
        "name": name,
        "data": msgspec.to_builtins(data),
        "fingerprints": dict(fingerprints),
        "sizes": dict(sizes),
    }
