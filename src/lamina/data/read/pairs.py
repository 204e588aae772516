"""Pairs of texts, line by line: two files, or one with a tab between the two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lamina.data.read.tables import read_text
from lamina.spec import LaminaError


@dataclass(frozen=True)
class Pairs:
    """Texts and what they are in another language; ``places[i]`` says where pair ``i`` stands."""

    sources: list[str]
    targets: list[str]
    places: list[str]

    def __len__(self) -> int:
        return len(self.sources)


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 text (also ``.gz``), each with a text in it.

    Raises LaminaError for a file that cannot be read, and for a blank line.
    """
    lines = read_text(path).removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise LaminaError(
                "is blank; need a text in each line. Fill it, or take the line out (of both "
                "files, where they belong together).",
                place=f"{path}:{number}",
            )
    return lines


def read_pairs(source: str | Path, target: str | Path) -> Pairs:
    """Two files of which line ``n`` of one belongs to line ``n`` of the other.

    Raises LaminaError for a file that cannot be read, a blank line, and files of which one has
    more lines.
    """
    sources, targets = read_lines(source), read_lines(target)
    if len(sources) != len(targets):
        raise LaminaError(
            f"got {len(targets):,} line(s), and {source} has {len(sources):,}; need as many, "
            "each line the translation of that line.",
            place=str(target),
        )
    return Pairs(sources, targets, [f"{source}:{n}" for n in range(1, len(sources) + 1)])


def read_pair_table(path: str | Path) -> Pairs:
    """One file: a text, a tab, the other text in each line; no header, and no quoting.

    Raises LaminaError for a file that cannot be read, and a line with fewer or more columns, or
    with an empty one.
    """
    sources: list[str] = []
    targets: list[str] = []
    places: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        place = f"{path}:{number}"
        columns = line.split("\t")
        if len(columns) != 2:
            raise LaminaError(
                f"got {len(columns)} column{'s' * (len(columns) != 1)}; need 2, with one tab "
                "between them. For two files of lines name both.",
                place=place,
            )
        if not all(text.strip() for text in columns):
            raise LaminaError("a column is empty; need a text on both sides.", place=place)
        sources.append(columns[0])
        targets.append(columns[1])
        places.append(place)
    return Pairs(sources, targets, places)


def read_sources(path: str | Path) -> list[str]:
    """The texts of a file, one a line; of a file of pairs (one tab in each line) the first of each.

    Raises LaminaError for a file that cannot be read, and a blank line.
    """
    lines = read_lines(path)
    columns = [line.split("\t") for line in lines]
    pairs = all(len(row) == 2 and row[0].strip() for row in columns)
    return [row[0] for row in columns] if pairs else lines
