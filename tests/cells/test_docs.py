"""The recipe of docs/cells.md works, and its table names every cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamina.cells import CELLS

PAGE = (Path(__file__).parents[2] / "docs" / "cells.md").read_text(encoding="utf-8")


@pytest.fixture
def registry() -> Iterator[None]:
    before = dict(CELLS)
    yield
    CELLS.clear()
    CELLS.update(before)


def test_the_recipe_runs(registry: None) -> None:
    scope: dict[str, Any] = {"__name__": "recipe"}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/cells.md", "exec"), scope)
    assert scope["outputs"].shape == (7, 4, 32)
    assert scope["outputs"].isfinite().all()
    assert scope["model"].options.cell == "leaky"


def test_the_table_names_every_cell_and_its_state() -> None:
    first, _, _ = PAGE.partition("\n## ")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", first, re.MULTILINE)
    assert {name: tuple(parts.split(", ")) for name, parts in rows} == {
        name: cell.parts for name, cell in CELLS.items()
    }
