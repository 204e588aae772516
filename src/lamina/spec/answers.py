"""How answers are shown, and what some models can do beside answering examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

#: What stands for a text in a command.
TYPED_TEXT = '"..."'


def shown(value: Any) -> str:
    """A value of an answer for a terminal; several with commas between them."""
    if isinstance(value, list):
        return ",".join(map(shown, value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@runtime_checkable
class Tabular(Protocol):
    """A model whose answer to a file is a table, not one answer to each of its examples."""

    def table(self, path: str | Path) -> Iterator[dict[str, Any]]:
        """Rows with the same keys, JSON values."""
        ...


@runtime_checkable
class Generates(Protocol):
    """A model that goes on where a text ends."""

    def generate(
        self, prompt: str, length: int, *, temperature: float, top_k: int | None, seed: int
    ) -> str:
        """``prompt`` and ``length`` tokens drawn after it."""
        ...
