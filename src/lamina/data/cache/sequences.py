"""Numeric sequences from a large table, read once and then memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lamina.data.cache.arrays import ArrayFile, ArraySpec, open_array
from lamina.data.cache.build import OnProgress, cached
from lamina.data.read.columns import Choice
from lamina.data.read.registry import SEQUENCES
from lamina.data.read.sequence_table import read_sequence_table
from lamina.data.read.shapes import SequenceTable
from lamina.spec import LaminaError

#: Format version of the files below; other versions are rebuilt.
FORMAT = 3

_ABOUT, _STEPS = "about.json", "steps.bin"


class _About(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str]
    labels: list[str] | None
    features: list[str]
    lengths: list[int]
    choice: Choice
    steps: ArraySpec


def cached_sequence_table(
    path: str | Path,
    *,
    id: str,
    label: str | None,
    features: list[str] | None = None,
    missing: bool = False,
    separator: str | None = None,
    option: str = "label",
) -> SequenceTable:
    """Like :func:`lamina.data.read_sequence_table`, but a large file is parsed only once; after
    that its sequences are views of one array ``(steps, I)`` on disk."""
    how: dict[str, Any] = {
        "id": id,
        "label": label,
        "features": features,
        "missing": missing,
        "separator": separator,
    }
    if SEQUENCES.holds(path):  # such files are small
        return read_sequence_table(path, **how, option=option)

    built = False

    def build(folder: Path, on_progress: OnProgress) -> None:
        nonlocal built
        table = read_sequence_table(path, **how, option=option)
        steps = ArrayFile(folder / _STEPS, "<f8", (len(table.features),))
        for sequence in table.sequences:
            steps.add(sequence)
        lengths = [len(sequence) for sequence in table.sequences]
        about = _About(
            table.ids,
            table.labels,
            table.features,
            lengths,
            table.choice,
            steps.close(),
        )
        (folder / _ABOUT).write_bytes(msgspec.json.encode(about))
        built = True

    def load(folder: Path, stays: bool) -> SequenceTable:
        try:
            about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_About)
            steps = open_array(folder / _STEPS, about.steps)
            if sum(about.lengths) != len(steps):
                raise ValueError("lengths")
        except (OSError, msgspec.MsgspecError, TypeError, ValueError) as error:
            raise LaminaError(f"is damaged ({error}); delete it", place=str(folder)) from None
        if not stays:
            steps = np.array(steps)
        sequences = np.split(steps, np.cumsum(about.lengths)[:-1])
        return SequenceTable(
            sequences, about.labels, about.ids, about.features, str(path), about.choice
        )

    table, _ = cached(path, "sequences", {"format": FORMAT, **how}, build, load)
    if not built:
        table.choice.warn(table.path, "features")
    return table
