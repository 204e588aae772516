"""Batches of recordings with their texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lamina.data.batch.batches import Batches, buckets, padded
from lamina.data.prepare.standardize import Standardizer
from lamina.data.speech.augment import SpeechAugmentation
from lamina.spec import Batch


class SpeechBatches(Batches):
    """Recordings of like length together.

    A batch has ``inputs`` ``(T, B, I)`` float32, standardised; ``lengths``; ``targets`` ``(S,)``
    int64, the tokens of all members one after the other; ``more["target_lengths"]`` ``(B,)``; and
    ``index``.

    least_frames: of each recording, how many a change of it must leave.
    augmentation: how each recording is changed, from a generator of its own by ``(seed, epoch)``
                  and its position; ``None``: not at all.
    """

    def __init__(
        self,
        frames: Sequence[np.ndarray],
        tokens: Sequence[np.ndarray],
        scale: Standardizer,
        least_frames: Sequence[int],
        *,
        batch_size: int,
        augmentation: SpeechAugmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
    ):
        self._frames, self._tokens, self._scale = frames, tokens, scale
        self._least_frames = least_frames
        self._augmentation, self._seed, self._epoch = augmentation, seed, epoch
        lengths = np.array([len(x) for x in frames], np.int64)
        self._members = buckets(
            lengths, batch_size=batch_size, shuffle=shuffle, seed=seed, epoch=epoch
        )

    def __len__(self) -> int:
        return len(self._members)

    def _batch(self, k: int) -> Batch:
        members = self._members[k]
        sequences = [self._sequence(int(i)) for i in members]
        lengths = np.array([len(x) for x in sequences], np.int64)
        tokens = [self._tokens[i] for i in members]
        return Batch(
            inputs=padded(sequences, lengths),
            targets=torch.from_numpy(np.concatenate(tokens)),
            lengths=None if lengths.min() == lengths.max() else torch.from_numpy(lengths),
            index=torch.from_numpy(members),
            more={"target_lengths": torch.tensor([len(t) for t in tokens])},
        )

    def _sequence(self, i: int) -> np.ndarray:
        if self._augmentation is None:
            return self._scale(self._frames[i])
        rng = np.random.default_rng([self._seed, self._epoch, i])
        return self._augmentation(self._frames[i], self._scale, self._least_frames[i], rng)
