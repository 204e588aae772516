"""Laws of batches: every member once, nothing but padding added, streams that go on exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.data import BucketedBatches, StreamBatches
from lamina.spec import Batch, LaminaError

law = settings(deadline=None, max_examples=100)


def same(a: Batch, b: Batch) -> bool:
    pairs = [(a.inputs, b.inputs), (a.targets, b.targets), (a.lengths, b.lengths)]
    return all((x is None and y is None) or torch.equal(x, y) for x, y in pairs)  # type: ignore


@given(
    lengths=st.lists(st.integers(1, 9), max_size=40),
    features=st.sampled_from([None, 1, 3]),
    size=st.integers(1, 7),
    pool=st.integers(1, 4),
    shuffle=st.booleans(),
    epoch=st.integers(0, 3),
)
@law
def test_every_sequence_once_and_as_it_was(lengths, features, size, pool, shuffle, epoch):
    rng = np.random.default_rng(0)
    if features is None:
        sequences = [rng.integers(1, 99, n) for n in lengths]
    else:
        sequences = [rng.normal(size=(n, features)).astype(np.float32) for n in lengths]
    targets = np.arange(len(lengths)) * 10
    batches = BucketedBatches(
        sequences, targets, batch_size=size, shuffle=shuffle, epoch=epoch, pool=pool
    )
    assert len(batches) == -(-len(lengths) // size)
    seen = []
    for batch in batches:
        T, B = batch.inputs.shape[:2]
        assert batch.index is not None
        assert batch.targets.tolist() == (batch.index * 10).tolist()
        assert batch.inputs.dtype == (torch.int64 if features is None else torch.float32)
        assert batch.inputs.is_contiguous()
        assert batch.fresh
        own = [T] * B if batch.lengths is None else batch.lengths.tolist()
        assert max(own) == T
        assert (batch.lengths is None) == (len(set(own)) == 1)
        for column, (i, n) in enumerate(zip(batch.index.tolist(), own, strict=True)):
            np.testing.assert_array_equal(batch.inputs[:n, column], sequences[i])
            assert not batch.inputs[n:, column].any()
            seen.append(i)
    assert sorted(seen) == list(range(len(lengths)))


def bucketed(**options) -> BucketedBatches:
    rng = np.random.default_rng(5)
    sequences = [rng.integers(1, 99, n) for n in rng.integers(1, 200, 400)]
    options = {"batch_size": 8, "shuffle": True} | options
    return BucketedBatches(sequences, torch.arange(400), **options)


def test_the_pass_depends_on_seed_and_epoch_only():
    first = [b.index.tolist() for b in bucketed(seed=1, epoch=2)]
    assert first == [b.index.tolist() for b in bucketed(seed=1, epoch=2)]
    assert first != [b.index.tolist() for b in bucketed(seed=1, epoch=3)]
    assert first != [b.index.tolist() for b in bucketed(seed=2, epoch=2)]


def test_like_lengths_stand_together_and_batches_are_shuffled():
    steps = [b.inputs.shape[0] for b in bucketed()]
    assert steps != sorted(steps)
    total = sum(b.steps for b in bucketed())
    padded = sum(b.inputs.numel() for b in bucketed())
    assert padded < 1.1 * total  # at random it would be about 1.7


def test_a_pool_of_one_batch_mixes_lengths():
    padded = [sum(b.inputs.numel() for b in bucketed(pool=pool)) for pool in (1, 50)]
    assert padded[0] > 1.4 * padded[1]


def test_not_shuffled_is_sorted_by_length():
    steps = [b.inputs.shape[0] for b in bucketed(shuffle=False, seed=1)]
    assert steps == sorted(steps)
    plain, other = bucketed(shuffle=False), bucketed(shuffle=False, seed=9)
    assert all(same(a, b) for a, b in zip(plain, other, strict=True))


@pytest.mark.parametrize(
    "batches",
    [bucketed(), StreamBatches(np.arange(1000), batch_size=3, steps=7)],
    ids=["bucketed", "stream"],
)
def test_any_batch_can_be_asked_for_alone(batches):
    whole = list(batches)
    assert len(whole) == len(batches)
    assert same(batches[3], whole[3])
    assert same(batches[-1], whole[-1])
    assert same(batches[np.int64(2)], whole[2])
    assert [same(a, b) for a, b in zip(batches[1:4], whole[1:4], strict=True)] == [True] * 3
    for k in (len(batches), -len(batches) - 1):
        with pytest.raises(IndexError):
            batches[k]


def test_what_cannot_be_bucketed():
    one = [np.array([1]), np.array([], dtype=np.int64)]
    with pytest.raises(LaminaError, match="sequence 1 is empty"):
        BucketedBatches(one, np.zeros(2), batch_size=1, shuffle=False)
    with pytest.raises(LaminaError, match="1 sequence and 2 targets"):
        BucketedBatches(one[:1], np.zeros(2), batch_size=1, shuffle=False)
    with pytest.raises(LaminaError, match="batch_size 0"):
        BucketedBatches(one[:1], np.zeros(1), batch_size=0, shuffle=False)
    with pytest.raises(LaminaError, match="pool 0"):
        BucketedBatches(one[:1], np.zeros(1), batch_size=1, shuffle=False, pool=0)


@given(
    n=st.integers(0, 300),
    columns=st.integers(1, 9),
    steps=st.integers(1, 40),
    offset=st.integers(0, 20),
)
@law
def test_a_stream_goes_on_exactly(n, columns, steps, offset):
    tokens = np.arange(n, dtype=np.int32)
    if n - offset <= columns:
        with pytest.raises(LaminaError, match="Lower batch_size"):
            StreamBatches(tokens, batch_size=columns, steps=steps, offset=offset)
        return
    batches = StreamBatches(tokens, batch_size=columns, steps=steps, offset=offset)
    for k, batch in enumerate(batches):
        assert batch.fresh == (k == 0)
        assert batch.lengths is None
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert batch.inputs.shape[0] == steps or k == len(batches) - 1
        assert 1 <= batch.inputs.shape[0] <= steps
        assert torch.equal(batch.targets, batch.inputs + 1)  # the text counts up
    inputs = torch.cat([batch.inputs for batch in batches])
    # Column after column, the text without a gap and without a repetition.
    read = inputs.T.reshape(-1)
    assert torch.equal(read, torch.arange(offset, offset + len(read)))
    assert n - offset - len(read) <= columns


def test_what_cannot_be_streamed():
    tokens = np.arange(100)
    for options, words in (
        ({"batch_size": 0, "steps": 1}, "batch_size 0"),
        ({"batch_size": 1, "steps": 0}, "steps 0"),
        ({"batch_size": 1, "steps": 1, "offset": -1}, "offset -1"),
        ({"batch_size": 100, "steps": 1}, "need more than 100"),
        ({"batch_size": 50, "steps": 1, "offset": 60}, "or offset"),
    ):
        with pytest.raises(LaminaError, match=words):
            StreamBatches(tokens, **options)


def test_batches_do_not_share_memory_with_the_data():
    tokens = np.arange(100)
    StreamBatches(tokens, batch_size=1, steps=10)[0].inputs.zero_()
    sequences = [np.arange(1, 5)]
    BucketedBatches(sequences, np.zeros(1), batch_size=1, shuffle=False)[0].inputs.zero_()
    assert tokens[5] == 5
    assert sequences[0][0] == 1
