"""Time as people write it."""

from __future__ import annotations

import re

from lamina.spec import LaminaError

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_seconds(text: str) -> float:
    """``"90s"`` is 90.0, ``"30m"`` is 1800.0, ``"1h30m"`` is 5400.0. Raises LaminaError."""
    part = r"\s*(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\s*"
    lower = text.lower()
    found = re.findall(part, lower, re.ASCII) if re.fullmatch(f"(?:{part})+", lower) else []
    seconds = sum(float(number) * _UNITS[unit] for number, unit in found)
    if not seconds > 0:
        raise LaminaError(f"got {text!r} for a time; write it like 30m, 90s or 1h30m.")
    return seconds
