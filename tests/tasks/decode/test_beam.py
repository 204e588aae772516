"""Beam search against all sequences there are, and a batch against its members."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lamina.nn.sequence.ranking import most_probable
from lamina.spec import State
from lamina.tasks.decode.beam import Hypothesis, beam_search, length_penalty

BEGIN, END, SIZE = 0, 1, 4


class Chain:
    """A made-up model: what comes next depends on all tokens before, through its state. Each
    member has a number, which is the first part of its state."""

    def __init__(self, seed: int):
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(97, SIZE, generator=generator, dtype=torch.float64) * 2

    def begin(self, members: list[int]) -> State:
        return ((torch.tensor(members, dtype=torch.float64)[None, :, None],),)

    def next(self, number: Tensor, tokens: Tensor) -> Tensor:
        return (number * 5 + tokens * 7 + 1) % 97

    def __call__(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        number = self.next(state[0][0][0, :, 0], tokens.flatten())
        log_p = torch.log_softmax(self.table[number.long()], dim=1)
        return log_p.view(*tokens.shape, SIZE), ((number[None, :, None],),)

    def log_p(self, member: int, tokens: tuple[int, ...]) -> float:
        """Of ``tokens``, the end among them, one after the other."""
        total, state, read = 0.0, self.begin([member]), BEGIN
        for token in tokens:
            log_p, state = self(torch.tensor([[read]]), state)
            total += float(log_p[0, 0, token])
            read = token
        return total


def search(chain: Chain, members: list[int], limits: list[int], **how: float) -> list[Hypothesis]:
    settings = {"width": 3, "alpha": 1.0, **how}
    state = chain.begin(members)

    def step(tokens: np.ndarray, rows: np.ndarray | None, totals: Any, spent: np.ndarray) -> Any:
        nonlocal state
        if rows is not None:
            state = ((state[0][0][:, torch.from_numpy(rows)],),)
        log_p, state = chain(torch.from_numpy(tokens), state)
        return most_probable(log_p, totals, spent, end=END, count=2 * int(settings["width"]))

    return beam_search(step, np.array(limits), begin=BEGIN, end=END, **settings)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([0.0, 0.6, 1.0, 3.0]))
def test_a_beam_that_holds_everything_finds_the_best_of_all(
    seed: int, limit: int, alpha: float
) -> None:
    chain = Chain(seed)
    others = [token for token in range(SIZE) if token != END]
    every = [(*body, END) for n in range(limit) for body in itertools.product(others, repeat=n)]
    scored = {y: chain.log_p(5, y) / length_penalty(len(y), alpha) for y in every}
    best = max(scored, key=scored.__getitem__)
    (found,) = search(chain, [5], [limit], width=1000, alpha=alpha)
    assert tuple(found.tokens) == best[:-1]
    assert found.score == pytest.approx(scored[best])
    assert found.log_probability == pytest.approx(chain.log_p(5, best))


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 9))
def test_a_batch_equals_its_members_alone(seed: int, width: int, limit: int) -> None:
    chain = Chain(seed)
    members, limits = [3, 50, 8, 3], [limit, 2, 7, 1]
    together = search(chain, members, limits, width=width)
    alone = [
        search(chain, [member], [most], width=width)[0]
        for member, most in zip(members, limits, strict=True)
    ]
    assert together == alone
    for found, most in zip(together, limits, strict=True):
        assert len(found.tokens) + 1 <= most


@given(st.integers(0, 10_000))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    chain = Chain(seed)
    state, read, expected = chain.begin([9]), BEGIN, []
    while len(expected) < 11:
        log_p, state = chain(torch.tensor([[read]]), state)
        read = int(log_p.argmax())
        if read == END:
            break
        expected.append(read)
    assert search(chain, [9], [12], width=1)[0].tokens == expected


@given(st.integers(0, 1000), st.integers(1, 6))
def test_what_is_found_has_the_probability_that_is_said(seed: int, width: int) -> None:
    chain = Chain(seed)
    for member, found in zip((1, 2), search(chain, [1, 2], [6, 6], width=width), strict=True):
        tokens = (*found.tokens, END)
        assert END not in found.tokens
        assert found.log_probability == pytest.approx(chain.log_p(member, tokens))
        assert found.score == pytest.approx(
            found.log_probability / length_penalty(len(tokens), 1.0)
        )


def test_the_length_penalty_is_that_of_wu() -> None:
    assert length_penalty(1, 0.7) == 1
    assert length_penalty(7, 0.6) == pytest.approx(12**0.6 / 6**0.6)
    assert length_penalty(100, 0.0) == 1


def test_a_larger_penalty_gives_longer_answers() -> None:
    lengths = []
    for alpha in (0.0, 2.0):
        found = [search(Chain(s), [4], [12], width=4, alpha=alpha)[0] for s in range(40)]
        lengths.append(sum(len(one.tokens) for one in found))
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize("width", [1, 3])
def test_what_gives_no_numbers_finds_nothing(width: int) -> None:
    chain = Chain(0)
    chain.table.fill_(torch.nan)
    for found in search(chain, [1, 2], [3, 5], width=width):
        assert found.tokens == []
        assert math.isnan(found.log_probability)
        assert math.isnan(found.score)
