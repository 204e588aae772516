"""Counts, lists and durations in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lamina.spec import LaminaError
from lamina.spec.counted import counted as counted

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def layers(depth: int) -> str:
    """``1 layer``, ``2 layers``."""
    return counted(depth, "layer")


def listed_range(numbers: Sequence[int]) -> str:
    """``3`` or ``2 to 5``, for sorted numbers."""
    first, last = numbers[0], numbers[-1]
    return str(first) if first == last else f"{first} to {last}"


def listed(items: Sequence[object]) -> str:
    """``1``, ``1 and 2``, ``1, 2 and 3``."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def duration(seconds: float) -> str:
    """``0.3 s``, ``42 s``, ``7 min``, ``1 h 20 min``."""
    if seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def parse_seconds(text: str) -> float:
    """``"90s"`` is 90.0, ``"30m"`` is 1800.0, ``"1h30m"`` is 5400.0.

    Raises:
        LaminaError: ``text`` is not a duration.
    """
    part = r"\s*(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\s*"
    lower = text.lower()
    found = re.findall(part, lower, re.ASCII) if re.fullmatch(f"(?:{part})+", lower) else []
    seconds = sum(float(number) * _UNITS[unit] for number, unit in found)
    if not seconds > 0:
        raise LaminaError(f"got {text!r} for a time; write it like 30m, 90s or 1h30m.")
    return seconds
