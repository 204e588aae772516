"""Batches of sentences with a label a word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamina.data.batch.batches import padded, ragged
from lamina.data.text.lexicon import Forms
from lamina.spec import Batch, Part
from lamina.spec.batch import layout

if TYPE_CHECKING:
    from torch import Tensor

#: The target of a word that does not count, and of padding.
NOT_COUNTED = -1


@dataclass(frozen=True)
class Spelling:
    """The characters of the different words of a batch.

    Attributes:
        characters: ``(C, W)`` int64.
        lengths:    ``(W,)`` int64 on the CPU, the valid steps of each word.
        which:      ``(T, B)`` int64, the word at each step of each sentence.
    """

    characters: Tensor
    lengths: Tensor
    which: Tensor


@dataclass(frozen=True, kw_only=True)
class WordBatch(Batch):
    """Sentences of like length.

    Attributes:
        inputs:  ``(T, B)`` int64, the words.
        targets: ``(T, B)`` int64, the labels; ``-1``: not counted.
        counted: how many labels count.
        characters, character_lengths, which: see :class:`Spelling`; ``None`` where the network
            reads no characters.
    """

    targets: Tensor = field(metadata=layout(lengths="lengths"))
    counted: int
    characters: Tensor | None = field(
        default=None, metadata=layout(None, lengths="character_lengths")
    )
    character_lengths: Tensor | None = field(default=None, metadata=layout(None, host=True))
    which: Tensor | None = field(default=None, metadata=layout(lengths="lengths"))

    @property
    def predictions(self) -> int:
        """How many labels count."""
        return self.counted

    @property
    def examples(self) -> int:
        """The same: each label that counts is judged on its own."""
        return self.counted

    @property
    def spelling(self) -> Spelling | None:
        """The characters of its words, where the network reads them."""
        if self.characters is None or self.character_lengths is None or self.which is None:
            return None
        return Spelling(self.characters, self.character_lengths, self.which)


def collate(
    forms: Forms,
    steps: list[np.ndarray],
    members: np.ndarray,
    *,
    spelled: bool,
    part: Part = "train",
) -> WordBatch:
    """The batch of some sentences.

    Args:
        forms:   the different words.
        steps:   one array a sentence, ``(T, 2)`` int64: which of ``forms``, and the label's number.
        members: positions in ``steps``.
        spelled: whether the batch carries the characters of its words.
        part:    the part of the data that they are.
    """
    both, lengths = padded([steps[i] for i in members])
    which, labels = both.unbind(dim=2)
    valid = torch.arange(len(labels))[:, None] < lengths
    labels = labels.masked_fill(~valid, NOT_COUNTED)
    numbers, places = np.unique(which.numpy(), return_inverse=True)
    places = places.reshape(which.shape)
    characters = character_lengths = None
    if spelled:
        characters, character_lengths = padded([forms.characters[n] for n in numbers])
    return WordBatch(
        inputs=torch.from_numpy(forms.words[numbers][places]),
        targets=labels.contiguous(),
        lengths=ragged(lengths),
        index=torch.from_numpy(members),
        part=part,
        counted=int((labels != NOT_COUNTED).sum()),
        characters=characters,
        character_lengths=character_lengths,
        which=torch.from_numpy(places) if spelled else None,
    )
