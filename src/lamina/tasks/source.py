"""Where a task's data are, as its users say it."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from lamina.spec import LaminaError


def as_source(source: object) -> str:
    """The path or the name of a corpus as text.

    Raises:
        LaminaError: anything else, such as the data themselves.
    """
    if not isinstance(source, str | Path):
        raise LaminaError(
            f"got a {type(source).__name__} as source; need the path of a file or the name of a "
            "corpus. Write data in memory to a CSV, TSV or JSONL file first."
        )
    return str(source)


def as_sources(sources: object) -> str | tuple[str, ...]:
    """As :func:`as_source`, of one or of several."""
    if isinstance(sources, list | tuple):
        return as_source(sources[0]) if len(sources) == 1 else tuple(map(as_source, sources))
    return as_source(sources)


def is_corpus(source: str, names: Container[str]) -> bool:
    """Whether ``source`` is among the names of corpora; a file of that name goes before it."""
    return source in names and not Path(source).exists()
