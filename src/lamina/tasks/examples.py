"""What a model refuses to answer."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

from lamina.spec import LaminaError


def check_several(examples: Sequence[Any]) -> None:
    """Refuse a single text, each character of which would pass for an example.

    Raises:
        LaminaError: it is one.
    """
    if isinstance(examples, str):
        raise LaminaError(f"got one text, {shorten(examples, 40)!r}; need a list of texts")
