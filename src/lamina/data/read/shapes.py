"""What a reader gives: the few shapes that data has in memory.

A shape is here if some format holds it and nothing else can be made of that file without guessing.
There are four, and the registry has readers for each:

- a **table** (:class:`lamina.data.read.table.Table`): named columns and rows;
- **sequences** (:class:`SequenceTable`): arrays ``(T, I)`` with an id and a label each;
- **sentences** (:class:`lamina.data.read.sentences.Sentence`): words with a label each;
- **pairs** (:class:`Pairs`): a text and its counterpart.

Labelled texts, time series and recordings are no shapes of their own: they are a table and the
names of some columns, so every format of tables serves them (:mod:`~lamina.data.read.text_table`,
:mod:`~lamina.data.read.manifest`, :mod:`lamina.data.time.series`). Sequences and pairs can be made
of a table too. Running text needs no registry: any file that is UTF-8 is one
(:func:`lamina.data.read.files.text_chunks`); nor does audio, where the content says the format
(:mod:`lamina.data.speech.audio`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SequenceTable:
    """One sequence of feature rows an id.

    Attributes:
        sequences: float32, each ``(T, I)`` with its own ``T``.
        labels:    One a sequence, or ``None`` where none were asked for.
        ids:       One a sequence, in the order in which the file first names them.
        features:  The names of the ``I`` columns.
        path:      The file.
    """

    sequences: list[np.ndarray]
    labels: list[str] | None
    ids: list[str]
    features: list[str]
    path: str


@dataclass(frozen=True)
class Pairs:
    """Texts and their counterparts, in another language for instance.

    Attributes:
        sources: The texts.
        targets: The counterpart of each.
        places:  Where each pair is: file and line.
    """

    sources: list[str]
    targets: list[str]
    places: list[str]

    def __len__(self) -> int:
        return len(self.sources)
