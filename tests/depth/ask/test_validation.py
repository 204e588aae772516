"""How much validation data a search compares on: counted in the unit of each task."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.depth.ask.measure import Checked, validation
from task_cases import CASES
from task_world import ROWS, SIZES, write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("world") / "data"
    write_world(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        yield folder


def words(world: Path) -> int:
    lines = (world / "entities.validation.txt").read_text().splitlines()
    return sum(1 for line in lines if line)


def residues(world: Path) -> int:
    """All of a chain but the first, which the mask leaves out."""
    chains = (world / "residues.fasta").read_text().split(">")[1:]
    own = [chain.split()[1] for chain in chains if chain.startswith("validation")]
    return sum(len(chain) - 1 for chain in own)


def characters(world: Path) -> int:
    """Each character of the text but the first of a column is predicted, and the columns are of
    one length."""
    return len((world / "book.validation.txt").read_text())


COUNTS = {
    "reviews": lambda _: (SIZES["validation"], "example"),
    "topics": lambda _: (SIZES["validation"], "example"),
    "sensors": lambda _: (SIZES["validation"], "example"),
    "entities": lambda world: (words(world), "label"),
    "residues": lambda world: (residues(world), "label"),
    "series": lambda _: (2 * (ROWS[1] - 5 + 1), "window"),  # two shops, a horizon of 5
    "quantiles": lambda _: (2 * (ROWS[1] - 5 + 1), "window"),
    "pairs": lambda _: (SIZES["validation"], "pair"),
    "tones": lambda _: (SIZES["validation"], "recording"),
    "machines": lambda _: (SIZES["validation"], "example"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_examples_are_counted_in_the_unit_of_the_task(name: str, world: Path) -> None:
    count, unit = COUNTS[name](world)
    assert validation(CASES[name].open(world)) == Checked(count, f"validation {unit}s")


def test_a_stream_is_counted_in_tokens(world: Path) -> None:
    task = CASES["book"].open(world)
    found = validation(task)
    assert found.what == "validation tokens"
    text = characters(world)
    columns = min(task.data.batch_size, max(1, text // (20 * task.data.steps)))
    assert found.count == (text - 1) // columns * columns


def test_every_task_is_counted() -> None:
    assert {CASES[name].task for name in (*COUNTS, "book")} == {
        case.task for case in CASES.values()
    }
