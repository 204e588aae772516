"""How many spans are right, from counts that add up over batches."""

from __future__ import annotations

from collections.abc import Mapping


def f1(sums: Mapping[str, float]) -> dict[str, float]:
    """``f1``, ``precision`` and ``recall`` in 0..1, from sums of what
    :class:`lamina.tasks.tag.spans.SpanCounts` counts; 0
    where nothing is guessed or given."""
    right, guessed, given = (sums[f"spans_{what}"] for what in ("right", "guessed", "given"))
    return {
        "f1": 2 * right / (guessed + given) if guessed + given else 0.0,
        "precision": right / guessed if guessed else 0.0,
        "recall": right / given if given else 0.0,
    }
