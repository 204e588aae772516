"""Batches of one pass over the data, each built when it is asked for."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from lamina.data.batch.mixture import Tokens
from lamina.data.batch.order import buckets, lengths_of, need_positive
from lamina.spec import Batch, LaminaError, Part, StreamBatch
from lamina.spec.counted import counted

B = TypeVar("B", bound=Batch)


class Batches(Sequence[B]):
    """A sequence whose members are made on access, in any order."""

    @abstractmethod
    def _batch(self, k: int) -> B: ...

    @overload
    def __getitem__(self, k: int) -> B: ...
    @overload
    def __getitem__(self, k: slice) -> list[B]: ...
    def __getitem__(self, k: int | slice) -> B | list[B]:
        if isinstance(k, slice):
            return [self._batch(i) for i in range(*k.indices(len(self)))]
        i = operator.index(k)
        i += len(self) if i < 0 else 0
        if not 0 <= i < len(self):
            raise IndexError(f"batch {k} of {len(self)}")
        return self._batch(i)


class CollatedBatches(Batches[B]):
    """Batches of members of a data set, each put together by a task's own function.

    Args:
        members: of each batch, positions in the data set: see :mod:`lamina.data.batch.order`.
        collate: makes a batch of some positions.
    """

    def __init__(self, members: Sequence[np.ndarray], collate: Callable[[np.ndarray], B]):
        self._members, self._collate = members, collate

    def __len__(self) -> int:
        return len(self._members)

    def _batch(self, k: int) -> B:
        return self._collate(self._members[k])


class BucketedBatches(CollatedBatches[Batch]):
    """Sequences of like length together, in the order of
    :func:`lamina.data.batch.order.buckets`; padding is 0.

    A batch has ``inputs`` ``(T, B)`` int64 or ``(T, B, I)`` float32, ``lengths`` unless all are
    equal, and ``index``, the members' positions in ``sequences``.

    Args:
        sequences: tokens ``(T,)`` or features ``(T, I)``, each with its own ``T >= 1``.
        targets:   one a sequence, ``(N, ...)``.
        part:      the part of the data that they are.
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
        part: Part = "train",
    ):
        if len(sequences) != len(targets):
            raise LaminaError(
                f"got {counted(len(sequences), 'sequence')} "
                f"and {len(targets)} targets; need one each."
            )
        rows = torch.as_tensor(targets)

        def collate(members: np.ndarray) -> Batch:
            inputs, lengths = padded([sequences[i] for i in members])
            index = torch.from_numpy(members)
            return Batch(inputs, rows[index], ragged(lengths), index=index, part=part)

        members = buckets(
            lengths_of(sequences),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            pool=pool,
        )
        super().__init__(members, collate)


def padded(sequences: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Sequences side by side: ``(T, B)`` int64 or ``(T, B, I)`` float32, zeros behind the end of
    each, and their lengths ``(B,)`` int64."""
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    flat = np.concatenate(sequences)
    dtype = np.float32 if flat.dtype.kind == "f" else np.int64
    out = np.zeros((int(lengths.max()), len(sequences), *flat.shape[1:]), dtype=dtype)
    member = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[step, member] = flat
    return torch.from_numpy(out), torch.from_numpy(lengths)


def ragged(lengths: Tensor) -> Tensor | None:
    """``lengths``, or ``None`` where all are equal."""
    return None if lengths.min() == lengths.max() else lengths


class StreamBatches(Batches[StreamBatch]):
    """One long text as ``batch_size`` contiguous columns, read ``steps`` at a time.

    Column ``b`` is the ``b``-th piece of the text; batch ``k`` holds steps ``k * steps`` to
    ``(k + 1) * steps`` of every column, so that the state at the end of a batch is the right
    start of the next (truncated back-propagation through time). Targets are the next tokens,
    ``(T, B)``. The last batch may be shorter; ``fresh`` only in the first.

    tokens: an array ``(N,)``, or what gives the tokens at an array of positions.
    offset: how many tokens to pass over at the start; drawing it anew for each epoch moves the
            cuts. At most ``batch_size`` tokens at the end are not read.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        batch_size: int,
        steps: int,
        offset: int = 0,
        part: Part = "train",
    ):
        need_positive(batch_size=batch_size, steps=steps)
        if offset < 0:
            raise LaminaError(f"got offset {offset}; need 0 or more.")
        # The last token is only ever a target.
        column = (len(tokens) - offset - 1) // batch_size
        if column < 1:
            raise LaminaError(
                f"got {counted(len(tokens), 'token')} "
                f"from offset {offset}; need more than {batch_size} for "
                f"batches of {batch_size} columns. Lower batch_size"
                + (" or offset." if offset else ", or bring a longer text.")
            )
        self._tokens, self._steps, self._column = tokens, steps, column
        self._part: Part = part
        self._starts = offset + column * np.arange(batch_size)

    def __len__(self) -> int:
        return -(-self._column // self._steps)

    def _batch(self, k: int) -> StreamBatch:
        steps = np.arange(k * self._steps, min((k + 1) * self._steps, self._column) + 1)
        block = self._tokens[steps[:, None] + self._starts]  # (T + 1, B)
        read = torch.from_numpy(np.ascontiguousarray(block, dtype=np.int64))
        return StreamBatch(read[:-1], read[1:], fresh=k == 0, part=self._part)


class ChainedBatches(Batches[StreamBatch]):
    """The batches of several texts, one text after the other, each with the number of its own."""

    def __init__(self, sources: Sequence[Sequence[StreamBatch]]):
        self._sources = sources
        self._ends = np.cumsum([len(batches) for batches in sources])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _batch(self, k: int) -> StreamBatch:
        number = int(np.searchsorted(self._ends, k, side="right"))
        batches = self._sources[number]
        return replace(batches[k - int(self._ends[number]) + len(batches)], source=number)
