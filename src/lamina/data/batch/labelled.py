"""Batches of sentences with a label a word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from lamina.data.batch.batches import BucketedBatches, padded
from lamina.data.text.lexicon import Forms
from lamina.spec import Batch

#: The target of a word that does not count, and of padding.
NOT_COUNTED = -1


class LabelledBatches(BucketedBatches):
    """Sentences of like length together, as :class:`BucketedBatches` makes them.

    forms:   the different words.
    steps:   one array a sentence, ``(T, 2)`` int64: which of ``forms``, and the label's number.
    spelled: whether batches carry the characters of their words.

    A batch has ``inputs`` ``(T, B)`` words, ``targets`` ``(T, B)`` labels (``-1``: not counted),
    and, if ``spelled``, in ``more`` the different words of the batch: ``characters`` ``(C, W)``,
    ``character_lengths`` ``(W,)``, and ``spelling`` ``(T, B)``, which of them stands where.
    """

    def __init__(
        self,
        forms: Forms,
        steps: list[np.ndarray],
        *,
        spelled: bool,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
        epoch: int = 0,
    ):
        self._forms, self._spelled = forms, spelled
        super().__init__(
            steps,
            np.zeros(len(steps), np.int64),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
        )

    def _batch(self, k: int) -> Batch:
        batch = super()._batch(k)
        which, labels = batch.inputs.unbind(dim=2)
        if batch.lengths is not None:
            steps = torch.arange(len(labels))[:, None]
            labels = labels.masked_fill(steps >= batch.lengths, NOT_COUNTED)
        numbers, spelling = np.unique(which.numpy(), return_inverse=True)
        inputs = torch.from_numpy(self._forms.words[numbers][spelling].reshape(which.shape))
        more = {}
        if self._spelled:
            characters = [self._forms.characters[n] for n in numbers]
            lengths = np.fromiter(map(len, characters), dtype=np.int64, count=len(characters))
            more = {
                "characters": padded(characters, lengths),
                "character_lengths": torch.from_numpy(lengths),
                "spelling": torch.from_numpy(spelling.reshape(which.shape)),
            }
        predictions = int((labels != NOT_COUNTED).sum())
        return replace(
            batch, inputs=inputs, targets=labels.contiguous(), more=more, asked=predictions
        )
