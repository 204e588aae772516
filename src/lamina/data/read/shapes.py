"""What readers return: the few shapes that data has in memory.

A shape is listed here if some file format holds exactly that. There are four, and the registry has
readers for each:

- a **table** (:class:`lamina.data.read.table.Table`): named columns and rows;
- **sequences** (:class:`SequenceTable`): arrays ``(T, I)``, each with an id and a label;
- **sentences** (:class:`lamina.data.read.sentences.Sentence`): words, each with a label;
- **pairs** (:class:`Pairs`): a text and its counterpart.

Labelled texts, time series and recordings are not shapes of their own. They are a table and the
names of some columns, so every table format works for them (:mod:`~lamina.data.read.text_table`,
:mod:`~lamina.data.read.manifest`, :mod:`lamina.data.time.series`). Sequences and pairs can be made
from a table too. Running text needs no registry, since any UTF-8 file will do
(:func:`lamina.data.read.files.text_chunks`); nor does audio, whose format is recognised by content
(:mod:`lamina.data.speech.audio`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lamina.data.read.columns import Choice


@dataclass(frozen=True)
class SequenceTable:
    """One numeric sequence per id.

    Attributes:
        sequences: float64, each ``(T, I)`` with its own ``T``.
        labels: One per sequence; ``None`` if no labels were read.
        ids: One per sequence, in order of first appearance in the file.
        features: The names of the ``I`` columns.
        path: The file.
        choice: The columns that were chosen, if nobody named them.
    """

    sequences: list[np.ndarray]
    labels: list[str] | None
    ids: list[str]
    features: list[str]
    path: str
    choice: Choice = field(default_factory=Choice)


@dataclass(frozen=True)
class Pairs:
    """Texts and their counterparts, in another language for instance.

    Attributes:
        sources: The texts.
        targets: The counterpart of each.
        places: The location of each pair: file and line.
    """

    sources: list[str]
    targets: list[str]
    places: list[str]

    def __len__(self) -> int:
        return len(self.sources)
