"""Which members stand together in a batch, and which batch comes when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.spec import LaminaError


def buckets(
    *lengths: np.ndarray,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    pool: int = 50,
) -> list[np.ndarray]:
    """The members of each batch, those of like length together, so that little is padded.

    Shuffled by ``(seed, epoch)``: the order is drawn anew, cut into pools of ``pool`` batches,
    sorted by length within a pool and cut into batches, whose order is drawn too. Not shuffled:
    sorted by length. Every member is in one batch.

    Args:
        lengths:    ``(N,)`` int64 each; members are sorted by the last, then by the one before it.
        batch_size: members of a batch.
        shuffle:    draw the order, in training.
        seed:       with ``epoch`` decides the order.
        epoch:      see ``seed``.
        pool:       batches' worth of members that are sorted together.

    Raises:
        LaminaError: ``lengths`` are not of the same members.
    """
    need_positive(batch_size=batch_size, pool=pool)
    n = len(lengths[-1])
    if any(len(some) != n for some in lengths):
        got = " and ".join(str(len(some)) for some in lengths)
        raise LaminaError(f"got {got} sequences; need as many of each, one a member.")
    rng = np.random.default_rng([seed, epoch]) if shuffle else None
    drawn = np.arange(n) if rng is None else rng.permutation(n)
    pools = np.arange(n) // (pool * batch_size) if shuffle else np.zeros(n, np.int64)
    # lexsort's last key counts first.
    order = drawn[np.lexsort((*(some[drawn] for some in lengths), pools))]
    members = cut(order, batch_size)
    return members if rng is None else [members[k] for k in rng.permutation(len(members))]


def cut(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Members ``(N,)`` in this order, ``batch_size`` at a time."""
    need_positive(batch_size=batch_size)
    return np.split(order, np.arange(batch_size, len(order), batch_size)) if len(order) else []


def lengths_of(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """``(N,)`` int64.

    Raises:
        LaminaError: a sequence is empty.
    """
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    if len(empty := np.flatnonzero(lengths == 0)):
        raise LaminaError(
            f"sequence {empty[0]} is empty ({len(empty)} of {len(sequences)} are); need at "
            "least one step each. Leave them out."
        )
    return lengths


def need_positive(**sizes: int) -> None:
    """Refuse sizes below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise LaminaError(f"got {name} {size}; need at least 1.")
