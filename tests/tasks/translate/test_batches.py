"""Batches of pairs hold every pair once, those of like length together."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.batch.batches import CollatedBatches
from lamina.data.batch.order import buckets, lengths_of
from lamina.spec import LaminaError
from lamina.tasks.translate.batch import PairBatch, collate


def pair_batches(
    sources: list[np.ndarray], targets: list[np.ndarray], **order
) -> CollatedBatches[PairBatch]:
    members = buckets(lengths_of(sources), lengths_of(targets), **order)
    return CollatedBatches(members, partial(collate, sources, targets))


def sequences(lengths: list[int], first: int) -> list[np.ndarray]:
    return [np.arange(first + i, first + i + n) for i, n in enumerate(lengths)]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=30),
    st.integers(1, 7),
    st.booleans(),
)
def test_every_pair_stands_in_one_batch(
    sizes: list[tuple[int, int]], batch_size: int, shuffle: bool
) -> None:
    sources = sequences([s for s, _ in sizes], 100)
    targets = sequences([t for _, t in sizes], 500)
    made = pair_batches(sources, targets, batch_size=batch_size, shuffle=shuffle, pool=2)
    seen: list[int] = []
    for batch in made:
        assert batch.lengths is not None
        assert batch.index is not None
        assert batch.predictions == int(batch.target_lengths.sum())
        for b, i in enumerate(batch.index.tolist()):
            n, m = int(batch.lengths[b]), int(batch.target_lengths[b])
            np.testing.assert_array_equal(batch.inputs[:n, b], sources[i])
            np.testing.assert_array_equal(batch.targets[:m, b], targets[i])
            assert not batch.inputs[n:, b].any()
            assert not batch.targets[m:, b].any()
            seen.append(i)
        assert batch.inputs.shape[0] == batch.lengths.max()
        assert batch.targets.shape[0] == batch.target_lengths.max()
    assert sorted(seen) == list(range(len(sizes)))


def test_the_order_is_drawn_anew_each_epoch_and_repeats_itself() -> None:
    pairs = sequences([3] * 40, 0), sequences([2] * 40, 0)

    def order(epoch: int) -> list[int]:
        made = pair_batches(*pairs, batch_size=4, shuffle=True, epoch=epoch, seed=3)
        return [i for batch in made for i in batch.index.tolist()]  # type: ignore[union-attr]

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_like_lengths_stand_together() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, (2, 400)).tolist()
    made = pair_batches(*map(sequences, lengths, (0, 0)), batch_size=10, shuffle=True)
    padding = sum(batch.targets.numel() - batch.predictions for batch in made)
    assert padding < 0.05 * sum(lengths[1])


def test_pairs_that_do_not_match_are_refused() -> None:
    for sizes in ([1, 1], [1]), ([1], [1, 1]):
        with pytest.raises(LaminaError, match=f"got {len(sizes[0])} and {len(sizes[1])} sequences"):
            pair_batches(*(sequences(some, 0) for some in sizes), batch_size=1)
    with pytest.raises(LaminaError, match="sequence 1 is empty"):
        pair_batches(sequences([1, 1], 0), sequences([1, 0], 0), batch_size=1)
