"""Numbers with what they count."""

from __future__ import annotations

import pytest

from lamina.spec.counted import counted


@pytest.mark.parametrize(
    ("count", "thing", "said"),
    [
        (1, "row", "1 row"),
        (0, "row", "0 rows"),
        (1797, "entry", "1,797 entries"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (1, "series of numbers", "1 series of numbers"),
    ],
)
def test_one_thing_and_several(count: int, thing: str, said: str) -> None:
    assert counted(count, thing) == said
