"""Texts with a label each, from two columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lamina.data.read.registry import TABLES


@dataclass(frozen=True)
class TextTable:
    """One text a row.

    Attributes:
        texts:  As they are in the file.
        labels: One a text, or ``None`` where no label column was named; always strings.
        places: Where each row is: file and line.
    """

    texts: list[str]
    labels: list[str] | None
    places: list[str]


def read_text_table(
    path: str | Path,
    *,
    text: str,
    label: str | None,
    blank_labels: bool = False,
    option: str = "label",
) -> TextTable:
    """Texts, and labels if a column is named, from any table.

    Labels are strings whatever they look like, without the white space around them.

    Args:
        path: The file.
        text: The column of the text.
        label: The column of the label; ``None``: no labels are read.
        blank_labels: Whether a label may be blank.
        option: The option that names the column of the label, for messages.

    Raises:
        LaminaError: With the line: a broken file, a missing column, a missing or blank text or
            label, or no row at all.
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
                labels.append(table.label(line, label, name, blank_labels))
            places.append(table.place(line))
    if not texts:
        raise table.no_rows()
    return TextTable(texts, None if label is None else labels, places)
