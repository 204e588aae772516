"""Numbers with what they count."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """``1 row``, ``2 rows``, ``1,797 entries``, ``0 classes``."""
    if count == 1:
        return f"1 {thing}"
    if thing.endswith("ry"):
        return f"{count:,} {thing[:-1]}ies"
    return f"{count:,} {thing}{'es' if thing.endswith('ss') else 's'}"
