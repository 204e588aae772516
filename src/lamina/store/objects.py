"""JSON objects from files that a stranger may have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lamina.spec import LaminaError
from lamina.store.regular import read_regular

#: Objects and lists within each other; what lamina writes has fewer than ten. More could exhaust
#: the stack of whoever goes through them.
MOST_LEVELS = 64


def read_text(file: Path) -> str:
    """The text of a file.

    Raises:
        LaminaError: It cannot be read, or is not UTF-8.
    """
    try:
        return read_regular(file).decode("utf-8")
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(file)) from None
    except UnicodeDecodeError:
        raise LaminaError("is not UTF-8 text", place=str(file)) from None


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        LaminaError: As :func:`read_text` and :func:`parse_object`.
    """
    return parse_object(read_text(file), str(file))


def parse_object(text: str, place: str) -> dict[str, Any]:
    """A JSON object: no text in it has half a surrogate pair, no number is infinite, and nothing is
    nested deeper than :data:`MOST_LEVELS`.

    Raises:
        LaminaError: at ``place``, for anything else.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise LaminaError("is not valid JSON; it was cut short or edited", place=place) from None
    if not isinstance(value, dict):
        raise LaminaError(f"holds a {type(value).__name__}; need a JSON object", place=place)
    if _deeper(value, MOST_LEVELS):
        raise LaminaError(
            f"is nested more than {MOST_LEVELS} levels deep; lamina did not write it", place=place
        )
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested within each other more than so many times."""
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(each, levels - 1) for each in inside)
