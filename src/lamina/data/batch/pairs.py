"""Batches of pairs of sequences, such as texts and their translations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lamina.data.batch.batches import Batches, need_positive, padded
from lamina.spec import Batch, LaminaError


class PairBatches(Batches):
    """Pairs of like length together, so that little is padded on either side.

    Sorted by the target's length and then by the source's; shuffled as
    :class:`lamina.data.BucketedBatches` shuffles. Every pair stands in one batch; padding is 0.

    sources: tokens ``(S,)``, each with its own ``S >= 1``.
    targets: tokens ``(T,)``, likewise.
    more:    what is put into every batch's ``more``.

    A batch has ``inputs`` ``(S, B)``, ``lengths``, ``targets`` ``(T, B)``,
    ``more["target_lengths"]`` ``(B,)``, and ``index``, the members' positions.
    """

    def __init__(
        self,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        *,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
        epoch: int = 0,
        pool: int = 50,
        more: Mapping[str, Tensor] | None = None,
    ):
        need_positive(batch_size=batch_size, pool=pool)
        n = len(sources)
        if n != len(targets):
            raise LaminaError(f"got {n} sources and {len(targets)} targets; need one each.")
        self._sources, self._targets, self._more = sources, targets, dict(more or {})
        self._source_lengths = np.fromiter(map(len, sources), dtype=np.int64, count=n)
        self._target_lengths = np.fromiter(map(len, targets), dtype=np.int64, count=n)
        if len(empty := np.flatnonzero((self._source_lengths == 0) | (self._target_lengths == 0))):
            raise LaminaError(f"pair {empty[0]} has an empty side; need one step at least.")
        rng = np.random.default_rng([seed, epoch]) if shuffle else None
        drawn = np.arange(n) if rng is None else rng.permutation(n)
        pools = np.arange(n) // (pool * batch_size) if shuffle else np.zeros(n, np.int64)
        # lexsort's last key counts first.
        by_length = (self._source_lengths[drawn], self._target_lengths[drawn], pools)
        order = drawn[np.lexsort(by_length)]
        starts = np.arange(0, n, batch_size)
        self._members = np.split(order, starts[1:]) if n else []
        self._order = np.arange(len(starts)) if rng is None else rng.permutation(len(starts))

    def __len__(self) -> int:
        return len(self._members)

    def _batch(self, k: int) -> Batch:
        members = self._members[self._order[k]]
        lengths, target_lengths = self._source_lengths[members], self._target_lengths[members]
        return Batch(
            inputs=padded([self._sources[i] for i in members], lengths),
            targets=padded([self._targets[i] for i in members], target_lengths),
            lengths=torch.from_numpy(lengths),
            index=torch.from_numpy(members),
            more={"target_lengths": torch.from_numpy(target_lengths), **self._more},
            asked=int(target_lengths.sum()),
        )
