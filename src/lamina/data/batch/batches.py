"""Batches of one pass over the data, each built when it is asked for."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np
import torch
from torch import Tensor

from lamina.data.batch.mixture import Tokens
from lamina.spec import Batch, LaminaError


class Batches(Sequence[Batch]):
    """A sequence whose members are made on access, in any order."""

    @abstractmethod
    def _batch(self, k: int) -> Batch: ...

    @overload
    def __getitem__(self, k: int) -> Batch: ...
    @overload
    def __getitem__(self, k: slice) -> list[Batch]: ...
    def __getitem__(self, k: int | slice) -> Batch | list[Batch]:
        if isinstance(k, slice):
            return [self._batch(i) for i in range(*k.indices(len(self)))]
        i = operator.index(k)
        i += len(self) if i < 0 else 0
        if not 0 <= i < len(self):
            raise IndexError(f"batch {k} of {len(self)}")
        return self._batch(i)


class BucketedBatches(Batches):
    """Sequences of like length together, so that little is padded.

    Shuffled by ``(seed, epoch)``: the order is drawn anew, cut into pools of ``pool`` batches,
    sorted by length within a pool and cut into batches, whose order is drawn too. Not shuffled:
    sorted by length. Every member stands in one batch; padding is 0.

    sequences: tokens ``(T,)`` or features ``(T, I)``, each with its own ``T >= 1``.
    targets:   one a sequence, ``(N, ...)``.

    A batch has ``inputs`` ``(T, B)`` int64 or ``(T, B, I)`` float32, ``lengths`` unless all are
    equal, and ``index``, the members' positions in ``sequences``.
    """

    def __init__(
        self,
        sequences: Sequence[np.ndarray],
        targets: np.ndarray | Tensor,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int = 0,
        epoch: int = 0,
        pool: int = 50,
    ):
        need_positive(batch_size=batch_size, pool=pool)
        if len(sequences) != len(targets):
            raise LaminaError(
                f"got {len(sequences)} sequences and {len(targets)} targets; need one each."
            )
        self._sequences = sequences
        self._targets = torch.as_tensor(targets)
        self._lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
        if len(empty := np.flatnonzero(self._lengths == 0)):
            raise LaminaError(
                f"sequence {empty[0]} is empty ({len(empty)} of {len(sequences)} are); need at "
                "least one step each. Leave them out."
            )
        self._members = buckets(
            self._lengths, batch_size=batch_size, shuffle=shuffle, seed=seed, epoch=epoch, pool=pool
        )

    def __len__(self) -> int:
        return len(self._members)

    def _batch(self, k: int) -> Batch:
        members = self._members[k]
        lengths = self._lengths[members]
        inputs = padded([self._sequences[i] for i in members], lengths)
        index = torch.from_numpy(members)
        return Batch(
            inputs=inputs,
            targets=self._targets[index],
            lengths=None if lengths.min() == lengths.max() else torch.from_numpy(lengths),
            index=index,
        )


def buckets(
    lengths: np.ndarray,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int = 0,
    epoch: int = 0,
    pool: int = 50,
) -> list[np.ndarray]:
    """The members of each batch of sequences of ``lengths`` ``(N,)``; see
    :class:`BucketedBatches`."""
    n = len(lengths)
    if shuffle:
        rng = np.random.default_rng([seed, epoch])
        drawn = rng.permutation(n)
        # Sorted by pool, then by length; lexsort's last key counts first.
        pools = np.arange(n) // (pool * batch_size)
        order = drawn[np.lexsort((lengths[drawn], pools))]
    else:
        rng = None
        order = np.argsort(lengths, kind="stable")
    starts = np.arange(0, n, batch_size)
    members = np.split(order, starts[1:]) if n else []
    return members if rng is None else [members[k] for k in rng.permutation(len(starts))]


def padded(sequences: list[np.ndarray], lengths: np.ndarray) -> Tensor:
    """``(T, B)`` int64 or ``(T, B, I)`` float32, zeros behind the end of each sequence."""
    flat = np.concatenate(sequences)
    dtype = np.float32 if flat.dtype.kind == "f" else np.int64
    out = np.zeros((int(lengths.max()), len(sequences), *flat.shape[1:]), dtype=dtype)
    member = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[step, member] = flat
    return torch.from_numpy(out)


class StreamBatches(Batches):
    """One long text as ``batch_size`` contiguous columns, read ``steps`` at a time.

    Column ``b`` is the ``b``-th piece of the text; batch ``k`` holds steps ``k * steps`` to
    ``(k + 1) * steps`` of every column, so that the state at the end of a batch is the right
    start of the next (truncated back-propagation through time). Targets are the next tokens,
    ``(T, B)``. The last batch may be shorter; ``fresh`` only in the first.

    tokens: an array ``(N,)``, or what gives the tokens at an array of positions.
    offset: how many tokens to pass over at the start; drawing it anew for each epoch moves the
            cuts. At most ``batch_size`` tokens at the end are not read.
    """

    def __init__(self, tokens: Tokens, *, batch_size: int, steps: int, offset: int = 0):
        need_positive(batch_size=batch_size, steps=steps)
        if offset < 0:
            raise LaminaError(f"got offset {offset}; need 0 or more.")
        # The last token is only ever a target.
        column = (len(tokens) - offset - 1) // batch_size
        if column < 1:
            raise LaminaError(
                f"got {len(tokens)} tokens from offset {offset}; need more than {batch_size} for "
                f"batches of {batch_size} columns. Lower batch_size"
                + (" or offset." if offset else ", or bring a longer text.")
            )
        self._tokens, self._steps, self._column = tokens, steps, column
        self._starts = offset + column * np.arange(batch_size)

    def __len__(self) -> int:
        return -(-self._column // self._steps)

    def _batch(self, k: int) -> Batch:
        steps = np.arange(k * self._steps, min((k + 1) * self._steps, self._column) + 1)
        block = self._tokens[steps[:, None] + self._starts]  # (T + 1, B)
        read = torch.from_numpy(np.ascontiguousarray(block, dtype=np.int64))
        return Batch(inputs=read[:-1], targets=read[1:], fresh=k == 0)


class ChainedBatches(Batches):
    """The batches of several sources, one source after the other.

    Each batch has ``more["source"]``, a 0-dim int64: the number of its source.
    """

    def __init__(self, sources: Sequence[Sequence[Batch]]):
        self._sources = sources
        self._ends = np.cumsum([len(batches) for batches in sources])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _batch(self, k: int) -> Batch:
        number = int(np.searchsorted(self._ends, k, side="right"))
        batches = self._sources[number]
        batch = batches[k - int(self._ends[number]) + len(batches)]
        return replace(batch, more={**batch.more, "source": torch.tensor(number)})


def need_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise LaminaError(f"got {name} {size}; need at least 1.")
