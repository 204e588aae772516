"""Tables that a study makes: cut-down or noisy copies of data."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file with a head; its name, for the ``source`` of a task."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return str(path)


def write_texts(path: Path, texts: Sequence[str], labels: Sequence[str]) -> str:
    """Columns ``text`` and ``label``."""
    return write_table(path, ("text", "label"), zip(texts, labels, strict=True))


def write_sequences(path: Path, sequences: Sequence[np.ndarray], labels: Sequence[str]) -> str:
    """Sequences ``(T, I)``: a row a step, with columns ``id``, ``label`` and a column a feature."""
    head = ("id", "label", *(f"x{k}" for k in range(sequences[0].shape[1])))
    rows = (
        (number, label, *(f"{value:.6g}" for value in step))
        for number, (sequence, label) in enumerate(zip(sequences, labels, strict=True))
        for step in sequence
    )
    return write_table(path, head, rows)
