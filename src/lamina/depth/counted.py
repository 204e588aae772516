"""Numbers of things and lists of them, in words."""

from __future__ import annotations

from collections.abc import Sequence


def layers(depth: int) -> str:
    """``1 layer``, ``2 layers``."""
    return "1 layer" if depth == 1 else f"{depth} layers"


def listed_range(numbers: Sequence[int]) -> str:
    """``3``, or ``2 to 5``, of sorted numbers."""
    first, last = numbers[0], numbers[-1]
    return str(first) if first == last else f"{first} to {last}"


def listed(items: Sequence[str]) -> str:
    """``1``, ``1 and 2``, ``1, 2 and 3``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
