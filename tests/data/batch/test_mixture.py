"""Mixed streams: shares, order, and any position at any time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.data import ChainedBatches, Mixture, Renumbered, StreamBatches
from lamina.data.batch.mixture import apportion
from lamina.spec import LaminaError

#: Texts that can be told apart, and each position in them.
TEXTS = [np.arange(0, 700), np.arange(1000, 1300), np.arange(5000, 5047)]


def mixed(shares, piece: int = 20, seed: int = 0) -> tuple[Mixture, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixture = Mixture(TEXTS, shares, piece_tokens=piece, rng=rng)
    return mixture, mixture[np.arange(len(mixture))]


def origin(tokens: np.ndarray) -> np.ndarray:
    return np.searchsorted([1000, 5000], tokens, side="right")


@pytest.mark.parametrize("shares", [None, (1, 1, 1), (1, 2, 0), (0, 0, 1), (100, 1, 1)])
def test_each_text_has_its_share(shares) -> None:
    mixture, tokens = mixed(shares)
    weights = np.array([len(text) for text in TEXTS] if shares is None else shares, float)
    total = sum(len(text) for text, weight in zip(TEXTS, weights, strict=True) if weight)
    assert total - 20 < len(mixture) <= total + 20 * len(TEXTS)
    got = np.bincount(origin(tokens), minlength=3)
    np.testing.assert_allclose(got, total * weights / weights.sum(), atol=2 * 20)
    assert ((got > 0) == (weights > 0)).all()


def test_a_text_is_read_in_order_and_around_its_end() -> None:
    _, tokens = mixed((1, 1, 1))
    for number, text in enumerate(TEXTS):
        mine = tokens[origin(tokens) == number] - text[0]
        assert (np.diff(mine) % len(text) == 1).all()


def test_the_same_seed_gives_the_same_stream_in_any_order() -> None:
    mixture, tokens = mixed((1, 2, 1), seed=3)
    _, other = mixed((1, 2, 1), seed=4)
    assert (tokens != other).any()
    again, _ = mixed((1, 2, 1), seed=3)
    positions = np.random.default_rng(0).permutation(len(tokens)).reshape(-1, 2)
    np.testing.assert_array_equal(again[positions], tokens[positions])
    assert len(mixture) == len(again)


@given(
    st.lists(st.floats(0, 1e3), min_size=1, max_size=6).filter(lambda s: sum(s) > 1e-3),
    st.integers(6, 500),
)
def test_seats_go_by_share(shares: list[float], seats: int) -> None:
    array = np.array(shares)
    counts = apportion(array, seats)
    assert seats <= counts.sum() <= seats + len(shares)
    assert ((counts > 0) >= (array > 0)).all()
    assert (abs(counts - seats * array / array.sum()) <= 1 + 1e-9).all()


def test_an_empty_text_cannot_be_mixed() -> None:
    with pytest.raises(LaminaError, match="text 2 of 2 has no tokens"):
        Mixture([TEXTS[0], TEXTS[0][:0]], (1, 1), piece_tokens=5, rng=np.random.default_rng(0))


def test_a_text_seen_through_a_table_is_the_text() -> None:
    ids = np.array([0, 2, 1, 2, 0], np.uint8)
    table = np.array([5, 0, 7])
    seen = StreamBatches(Renumbered(ids, table), batch_size=2, steps=1)
    plain = StreamBatches(table[ids], batch_size=2, steps=1)
    for a, b in zip(seen, plain, strict=True):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.targets, b.targets)


def test_chained_batches_are_those_of_each_source() -> None:
    parts = [StreamBatches(TEXTS[i], batch_size=i + 1, steps=9) for i in range(2)]
    chained = ChainedBatches([parts[0], [], parts[1]])
    assert len(chained) == len(parts[0]) + len(parts[1])
    for k, batch in enumerate(chained):
        number, at = (0, k) if k < len(parts[0]) else (1, k - len(parts[0]))
        assert torch.equal(batch.inputs, parts[number][at].inputs)
        assert batch.fresh == (at == 0)
        assert batch.source == (0, 2)[number]
