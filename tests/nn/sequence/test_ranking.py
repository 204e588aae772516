"""The most probable continuations are those that sorting everything finds, ties included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.nn.sequence.ranking import most_probable

END = 1


def by_sorting(log_p: np.ndarray, totals: np.ndarray | None, spent: np.ndarray, count: int) -> list:
    """The same from a full, stable sort: ``(total, hypothesis, token)`` of the finite ones."""
    ended = spent[:, None, None] & (np.arange(log_p.shape[2]) != END)
    log_p = np.where(ended, np.float32(-np.inf), log_p)
    if totals is not None:
        log_p = totals[:, :, None] + log_p
    found = []
    for member in log_p:
        flat = np.where(np.isnan(member), -np.inf, member).ravel()
        order = np.argsort(-flat, kind="stable")[:count]
        rows = [(flat[i], *divmod(int(i), member.shape[1])) for i in order]
        found.append([row for row in rows if np.isfinite(row[0])])
    return found


@given(
    st.integers(0, 10_000),
    st.integers(1, 12),
    st.sampled_from([1, 3, 1000]),
    st.sampled_from(["none", "some", "all"]),
)
def test_it_is_what_sorting_finds(seed: int, count: int, levels: int, totals: str) -> None:
    """Few different numbers make many ties."""
    rng = np.random.default_rng(seed)
    members, kept, size = (int(rng.integers(1, n)) for n in (4, 4, 9))
    log_p = (-rng.integers(0, levels, (members, kept, size + 1))).astype(np.float32)
    log_p[rng.random((members, kept)) < 0.1] = np.nan  # as a softmax does: all of a hypothesis
    before = None if totals == "none" else -rng.integers(0, 3, (members, kept)).astype(np.float32)
    if before is not None and totals == "some":
        before[rng.random(before.shape) < 0.3] = -np.inf
    spent = rng.random(members) < 0.3
    expected = by_sorting(log_p, before, spent, count)
    best, parent, token = most_probable(
        torch.from_numpy(log_p.copy()), before, spent, end=END, count=count
    )
    assert best.shape == (members, min(count, kept * (size + 1)))
    for b, rows in enumerate(expected):
        got = zip(best[b].tolist(), parent[b].tolist(), token[b].tolist(), strict=True)
        assert [row for row in got if np.isfinite(row[0])] == rows


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_ranks_alike() -> None:
    log_p = -torch.randint(0, 40, (5, 4, 300), generator=torch.Generator().manual_seed(0)).float()
    totals, spent = np.zeros((5, 4), np.float32), np.array([False, True, False, False, True])
    ours, theirs = (
        most_probable(log_p.to(device, copy=True), totals, spent, end=END, count=8)
        for device in ("cpu", "cuda")
    )
    finite = np.isfinite(ours[0])
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one[finite], other[finite])
