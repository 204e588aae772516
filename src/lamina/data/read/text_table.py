"""Labelled texts, from two columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lamina.data.read.registry import TABLES


@dataclass(frozen=True)
class TextTable:
    """One text per row.

    Attributes:
        texts: The texts, unchanged.
        labels: One string per text; ``None`` if no label column was named.
        places: The location of each row: file and line.
    """

    texts: list[str]
    labels: list[str] | None
    places: list[str]


def read_text_table(
    path: str | Path,
    *,
    text: str,
    label: str | None,
    separator: str | None = None,
    option: str = "label",
) -> TextTable:
    """Read texts, and labels if a column is named, from any table.

    Labels are always strings, stripped of surrounding white space.

    Args:
        path: The file.
        text: The column of the text.
        label: The column of the label; ``None`` reads no labels.
        separator: What separates several labels of one example, which may then also have none; a
            list in JSON needs none, and is joined by it.
        option: The option that names the column of the label, for messages.

    Raises:
        LaminaError: The file is malformed or has no rows, a column is missing, or a text or label
            is missing or blank. With the line.
    """
    table = TABLES.find(path)(path)
    table.check_roles([text] if label is None else [text, label])
    text_at = table.position(text)
    label_at = None if label is None else table.position(label, option)
    texts: list[str] = []
    labels: list[str] = []
    places: list[str] = []
    for block in table.blocks:
        values = block.texts(text_at)
        names = values if label_at is None else block.texts(label_at)
        for line, value, name in zip(block.lines, values, names, strict=True):
            texts.append(table.filled(line, text, value))
            if label is not None:
                labels.append(table.label(line, label, name, separator))
            places.append(table.place(line))
    if not texts:
        raise table.no_rows()
    return TextTable(texts, None if label is None else labels, places)
