"""How weights start: by gate, by name, and the same for the same seed."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from lamina.cells import CELLS
from lamina.nn import INITS, Stack, StackOptions
from lamina.nn.recurrent.init import initialise
from lamina.nn.recurrent.layer import Direction

CELL_NAMES = ("rnn", "gru", "lstm")


def start(
    cell: str,
    init: str,
    *,
    inputs: int = 30,
    hidden: int = 20,
    forget_bias: float | None = None,
    seed: int = 0,
) -> tuple[torch.Tensor, ...]:
    """``w_ih, w_hh, b_ih, b_hh`` as ``initialise`` sets them; not a number where it forgets one."""
    rows = len(CELLS[cell].gates) * hidden
    made = tuple(
        torch.full(shape, math.nan) for shape in ((rows, inputs), (rows, hidden), (rows,), (rows,))
    )
    torch.manual_seed(seed)
    initialise(CELLS[cell], *made, init=init, forget_bias=forget_bias)
    return made


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("init", INITS)
def test_everything_is_set_and_follows_the_seed(cell: str, init: str) -> None:
    one, same, other = start(cell, init), start(cell, init), start(cell, init, seed=1)
    for a, b in zip(one, same, strict=True):
        assert a.isfinite().all()
        assert torch.equal(a, b)
    for a, b in zip(one[:2], other[:2], strict=True):
        assert not torch.equal(a, b)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_uniform_is_torchs(cell: str) -> None:
    for tensor in start(cell, "uniform", inputs=200, hidden=64):
        assert tensor.abs().max() <= 1 / 8
        assert tensor.abs().max() > 0.9 / 8
    w_ih, *_ = start(cell, "uniform", inputs=200, hidden=64)
    assert w_ih.var().item() == pytest.approx((1 / 8) ** 2 / 3, rel=0.1)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_xavier_counts_the_fans_of_one_gate(cell: str) -> None:
    w_ih, w_hh, *_ = start(cell, "xavier", inputs=300, hidden=100)
    for weight, fans in ((w_ih, 400), (w_hh, 200)):
        bound = math.sqrt(6 / fans)
        for block in weight.split(100):
            assert 0.99 * bound < block.abs().max().item() <= bound
            assert block.var().item() == pytest.approx(2 / fans, rel=0.05)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_he_has_variance_two_over_fan_in(cell: str) -> None:
    w_ih, w_hh, *_ = start(cell, "he", inputs=400, hidden=200)
    for weight, fan_in in ((w_ih, 400), (w_hh, 200)):
        for block in weight.split(200):
            # the variance of n normal numbers has a relative error of sqrt(2 / n): below 0.8 %
            assert block.var().item() == pytest.approx(2 / fan_in, rel=0.04)
            assert block.mean().item() == pytest.approx(0, abs=5 * math.sqrt(2 / fan_in) / 200)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_orthogonal_keeps_lengths_in_every_gate(cell: str) -> None:
    w_ih, w_hh, *_ = start(cell, "orthogonal", inputs=30, hidden=20)
    blocks = w_hh.split(20)
    assert len(blocks) == len(CELLS[cell].gates)
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(20), atol=1e-5, rtol=0)
    for first, second in pairwise(blocks):
        assert not torch.allclose(first, second, atol=1e-2)
    for block in w_ih.split(20):  # Xavier: fans 30 and 20
        assert 0.9 * math.sqrt(6 / 50) < block.abs().max().item() <= math.sqrt(6 / 50)


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("init", INITS)
def test_biases_start_at_zero_but_for_uniform(cell: str, init: str) -> None:
    *_, b_ih, b_hh = start(cell, init)
    for bias in (b_ih, b_hh):
        assert (bias == 0).all() == (init != "uniform")


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("forget_bias", [1.0, -2.0, 0.0])
def test_the_forget_bias_is_the_total_of_the_forget_gate(init: str, forget_bias: float) -> None:
    *_, b_ih, b_hh = start("lstm", init, forget_bias=forget_bias)
    *_, plain_ih, plain_hh = start("lstm", init)
    total, plain = b_ih + b_hh, plain_ih + plain_hh
    _, forget, *_ = total.split(20)  # gates i f g o
    assert (forget == forget_bias).all()
    other = torch.ones(80, dtype=torch.bool)
    other[20:40] = False
    assert torch.equal(total[other], plain[other])


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_only_an_lstm_has_a_forget_gate(cell: str) -> None:
    for a, b in zip(start(cell, "he", forget_bias=1.0), start(cell, "he"), strict=True):
        assert torch.equal(a, b)


def test_an_open_forget_gate_keeps_the_memory() -> None:
    """That the second block is the one that multiplies ``c``, told by what the layer computes."""
    torch.manual_seed(0)
    stack = Stack(3, depth=1, width=5, forget_bias=50.0)
    for name, parameter in stack.named_parameters():
        if "weight" in name:
            torch.nn.init.zeros_(parameter)
    _, state = stack(torch.zeros(4, 2, 3), ((torch.zeros(1, 2, 5), torch.ones(1, 2, 5)),))
    torch.testing.assert_close(state[0][1], torch.ones(1, 2, 5))


def test_a_stack_starts_as_its_options_say() -> None:
    options = StackOptions(cell="lstm", depth=2, width=(6, 4), init="orthogonal", forget_bias=1.0)
    torch.manual_seed(3)
    one = Stack(5, options)
    torch.manual_seed(3)
    same = Stack(5, options)
    for a, b in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)
    for layer, hidden in zip(one.layers, (6, 4), strict=True):
        (direction,) = layer.directions
        assert isinstance(direction, Direction)
        for block in direction.weight_hh.split(hidden):
            torch.testing.assert_close(block @ block.T, torch.eye(hidden), atol=1e-5, rtol=0)
        total = direction.bias_ih + direction.bias_hh
        assert (total[hidden : 2 * hidden] == 1).all()
        assert (total[:hidden] == 0).all()
        assert (total[2 * hidden :] == 0).all()
