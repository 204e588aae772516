"""A manifest of recordings: a table with one recording a row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lamina.data.prepare.split import PARTS
from lamina.data.read.rows import filled, read_rows, shown
from lamina.spec import LaminaError

T = TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """One recording a row.

    audio:    the files; a relative path in the table is relative to the table.
    names:    the same as they stand in the table.
    texts:    what is said, white space at the ends removed; ``None`` where no column was asked for.
    speakers: who says it; ``None`` likewise.
    parts:    ``train``, ``validation`` or ``test``; ``None`` likewise.
    places:   ``file:line`` of each row.
    """

    audio: list[Path]
    names: list[str]
    texts: list[str] | None
    speakers: list[str] | None
    parts: list[str] | None
    places: list[str]

    def take(self, index: list[int]) -> Manifest:
        """Some of the rows."""

        def of(column: list[T] | None) -> list[T] | None:
            return None if column is None else [column[i] for i in index]

        return Manifest(
            [self.audio[i] for i in index],
            [self.names[i] for i in index],
            of(self.texts),
            of(self.speakers),
            of(self.parts),
            [self.places[i] for i in index],
        )


def read_manifest(
    path: str | Path,
    *,
    audio: str,
    text: str | None,
    speaker: str | None = None,
    split: str | None = None,
) -> Manifest:
    """Rows of a CSV, TSV or JSONL file (also ``.gz``); each argument names a column. The audio
    files are not opened.

    Raises:
        LaminaError: with the line, a broken file, a column that is not there, an empty field, or a
            part that is none.
    """
    rows = read_rows(path)
    named = [column for column in (audio, text, speaker, split) if column is not None]
    for column in named:
        if named.count(column) > 1:
            raise LaminaError(f"column {shown(column)} is named for two uses", place=str(path))
    options = {audio: "audio", text: "text", speaker: "speaker", split: "split"}
    positions = [rows.position(column, options[column]) for column in named]
    folder = Path(path).parent
    values: dict[str, list[str]] = {column: [] for column in named}
    places: list[str] = []
    for line, fields in rows.rows:
        for column, at in zip(named, positions, strict=True):
            values[column].append(filled(rows, line, column, fields[at]).strip())
        places.append(f"{path}:{line}")
        if split is not None and (part := values[split][-1]) not in PARTS:
            raise LaminaError(
                f"column {shown(split)} is {shown(part)}; need one of {', '.join(PARTS)}",
                place=places[-1],
            )
    if not places:
        raise LaminaError("got a header and no rows; need at least one row.", place=str(path))
    names = values[audio]
    texts, speakers, parts = (None if c is None else values[c] for c in (text, speaker, split))
    return Manifest([folder / name for name in names], names, texts, speakers, parts, places)
