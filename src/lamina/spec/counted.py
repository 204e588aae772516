"""Numbers with what they count."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """``1 row``, ``2 rows``, ``1,797 entries``."""
    several = f"{thing[:-1]}ies" if thing.endswith("ry") else f"{thing}s"
    return f"{count:,} {thing if count == 1 else several}"
