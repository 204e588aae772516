"""Texts one a line, and pairs of texts with a tab between them."""

from __future__ import annotations

from pathlib import Path

from lamina.data.read.files import lines, read_text
from lamina.data.read.shapes import Pairs
from lamina.spec import LaminaError


def read_texts(path: str | Path) -> list[str]:
    """The lines of a UTF-8 text, none of them blank.

    Raises:
        LaminaError: With the line: the file cannot be read, or a line is blank.
    """
    found = lines(read_text(path))
    for number, line in enumerate(found, start=1):
        if not line.strip():
            raise LaminaError(
                "is blank; need a text in each line. Fill it, or take the line out (of both "
                "files, where they belong together).",
                place=f"{path}:{number}",
            )
    return found


def read_tabbed(path: str | Path) -> Pairs:
    """A text, a tab and its counterpart in each line; no header and no quoting.

    Raises:
        LaminaError: With the line: the file cannot be read, or a line has fewer or more columns
            than two, or a blank one.
    """
    sources: list[str] = []
    targets: list[str] = []
    places: list[str] = []
    for number, line in enumerate(read_texts(path), start=1):
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
