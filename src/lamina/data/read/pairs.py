"""Pairs of texts, from two aligned files or from one file with both."""

from __future__ import annotations

from pathlib import Path

from lamina.data.read.formats.tabbed import read_texts
from lamina.data.read.registry import PAIRS, TABLES
from lamina.data.read.shapes import Pairs
from lamina.spec import LaminaError
from lamina.spec.counted import counted


def read_pairs(source: str | Path, target: str | Path) -> Pairs:
    """Read two aligned files: line ``n`` of one is the counterpart of line ``n`` of the other.

    Raises:
        LaminaError: A file cannot be read or a line is blank (with the line), or the files differ
            in length.
    """
    sources, targets = read_texts(source), read_texts(target)
    if len(sources) != len(targets):
        raise LaminaError(
            f"got {counted(len(targets), 'line')}, and {source} has {len(sources):,}; need as "
            "many, each the translation of that line.",
            place=str(target),
        )
    return Pairs(sources, targets, [f"{source}:{n}" for n in range(1, len(sources) + 1)])


def read_pair_table(path: str | Path) -> Pairs:
    """Read pairs from one file.

    Formats with column names (JSONL, Parquet, Arrow) must have two columns, source first. In any
    other file, CSV and TSV included, each line holds two texts separated by a tab, without a
    header: a header could not be distinguished from a pair.

    Raises:
        LaminaError: The file cannot be read, does not have two columns, or a text is blank. With
            the line.
    """
    if _names_columns(path):
        columns, places = _columns(path)
        if len(columns) != 2:
            raise LaminaError(
                f"got {counted(len(columns), 'column')}; need 2, a text and its translation.",
                place=str(path),
            )
        return Pairs(columns[0], columns[1], places)
    return PAIRS.find(path)(path)


def read_sources(path: str | Path) -> list[str]:
    """Read texts, one per line or row; from a file of pairs, the first of each pair.

    Raises:
        LaminaError: The file cannot be read, or a text is blank. With the line.
    """
    if _names_columns(path):
        columns, _ = _columns(path)
        if len(columns) > 2:
            raise LaminaError(
                f"got {counted(len(columns), 'column')}; need 1 of texts, or 2 of pairs.",
                place=str(path),
            )
        return columns[0]
    texts = read_texts(path)
    split = [text.split("\t") for text in texts]
    pairs = all(len(row) == 2 and row[0].strip() for row in split)
    return [row[0] for row in split] if pairs else texts


def _names_columns(path: str | Path) -> bool:
    """Whether the file is a table whose column names cannot be mistaken for a row."""
    reader = TABLES.reader(path)
    return not PAIRS.holds(path) and reader is not None and not reader.header


def _columns(path: str | Path) -> tuple[list[list[str]], list[str]]:
    """All columns of a table, without blank values, and the location of each row."""
    table = TABLES.find(path)(path)
    columns: list[list[str]] = [[] for _ in table.columns]
    places: list[str] = []
    for block in table.blocks:
        places.extend(map(table.place, block.lines))
        for name, column in zip(table.columns, columns, strict=True):
            values = zip(block.lines, block.texts(table.position(name)), strict=True)
            column.extend(table.filled(line, name, value) for line, value in values)
    if not places:
        raise table.no_rows()
    return columns, places
