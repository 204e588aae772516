"""A manifest of recordings: a table with one recording per row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lamina.data.prepare.split import PARTS
from lamina.data.read.registry import TABLES
from lamina.data.read.table import shown
from lamina.spec import LaminaError

T = TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """The columns of a manifest, with one entry per recording.

    Attributes:
        audio: The audio files; relative paths are relative to the manifest's folder.
        names: The same, as written in the table.
        texts: The transcripts, stripped; ``None`` if no such column was named.
        speakers: The speakers; ``None`` if no such column was named.
        parts: ``train``, ``validation`` or ``test``; ``None`` if no such column was named.
        places: The location of each row: file and line.
    """

    audio: list[Path]
    names: list[str]
    texts: list[str] | None
    speakers: list[str] | None
    parts: list[str] | None
    places: list[str]

    def take(self, index: list[int]) -> Manifest:
        """The rows with these numbers, in this order."""

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
    """Read a manifest: a table with one recording per row. The audio files are not opened.

    Args:
        path: The table.
        audio: The column of the audio file.
        text: The column of the transcript; ``None`` reads none.
        speaker: The column of the speaker; ``None`` reads none.
        split: The column that assigns rows to parts; ``None`` reads none.

    Raises:
        LaminaError: The file is malformed, a column is missing, a cell is blank, or a part does
            not exist. With the line.
    """
    table = TABLES.find(path)(path)
    named = [column for column in (audio, text, speaker, split) if column is not None]
    for column in named:
        if named.count(column) > 1:
            raise LaminaError(f"column {shown(column)} is named for two uses", place=str(path))
    options = {audio: "audio", text: "text", speaker: "speaker", split: "split"}
    positions = [table.position(column, options[column]) for column in named]
    values: dict[str, list[str]] = {column: [] for column in named}
    places: list[str] = []
    for block in table.blocks:
        cells = [block.texts(at) for at in positions]
        for line, *row in zip(block.lines, *cells, strict=True):
            for column, value in zip(named, row, strict=True):
                values[column].append(table.filled(line, column, value).strip())
            places.append(table.place(line))
            if split is not None and (part := values[split][-1]) not in PARTS:
                raise LaminaError(
                    f"column {shown(split)} is {shown(part)}; need one of {', '.join(PARTS)}",
                    place=places[-1],
                )
    if not places:
        raise table.no_rows()
    folder, names = Path(path).parent, values[audio]
    texts, speakers, parts = (None if c is None else values[c] for c in (text, speaker, split))
    return Manifest([folder / name for name in names], names, texts, speakers, parts, places)
