"""What :meth:`lamina.tasks.base.DataTask.describe` is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

import numpy as np

#: What is known under one heading: a text, a number, names, or a number or text for each name.
Facts: TypeAlias = str | int | list[str] | Mapping[str, int] | Mapping[str, str]


def lengths(sizes: Iterable[int], most: int | None = None) -> dict[str, int]:
    """The ``median`` and the ``longest`` of the lengths of the training examples; also ``limit``,
    if ``most`` is a limit that some of them reach."""
    found = np.fromiter(sizes, np.int64)
    if not len(found):
        return {}
    summary = {"median": int(np.median(found)), "longest": int(found.max())}
    if most is not None and most == summary["longest"]:
        summary["limit"] = most
    return summary


def occurrences(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda each: (-each[1], each[0])))


def filled(facts: Mapping[str, Facts | None]) -> dict[str, Facts]:
    """Without what there is nothing of."""
    return {
        heading: fact
        for heading, fact in facts.items()
        if fact is not None and not (isinstance(fact, Collection) and not fact)
    }
