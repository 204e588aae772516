"""The convolution in front of a stack, against loops over single windows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lamina.nn import Convolution
from lamina.spec import LaminaError
from laws import EXACT


def by_hand(layer: Convolution, x: Tensor) -> Tensor:
    """``(T, I)`` -> ``(ceil(T / stride), C)``: each window on its own, zeros beyond the ends."""
    steps, left = len(x), (layer.kernel - 1) // 2
    rows = []
    for start in range(0, steps, layer.stride):
        total = layer.bias.clone()
        for k in range(layer.kernel):
            t = start + k - left
            if 0 <= t < steps:
                total = total + layer.weight[:, k] @ x[t]
        rows.append(total.clamp(min=0))
    return torch.stack(rows)


@settings(deadline=None, max_examples=20)
@given(
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_a_batch_equals_its_members_alone_by_hand(
    kernel: int, stride: int, lengths: list[int]
) -> None:
    """Values and gradients; what stands in the padding is not-a-number."""
    torch.manual_seed(kernel)
    layer = Convolution(3, 4, kernel, stride).double()
    members = [torch.randn(n, 3, dtype=torch.float64) for n in lengths]
    x = torch.nn.utils.rnn.pad_sequence(members, padding_value=torch.nan)
    found, there = layer(x, torch.tensor(lengths))
    assert there is not None
    assert found.shape == (-(-max(lengths) // stride), len(lengths), 4)
    expected = [by_hand(layer, member) for member in members]
    for b, alone in enumerate(expected):
        assert there[b] == len(alone)
        torch.testing.assert_close(found[: there[b], b], alone, **EXACT)
    weights = tuple(layer.parameters())
    ours = sum(found[: there[b], b].square().sum() for b in range(len(lengths)))
    theirs = sum(alone.square().sum() for alone in expected)
    for got, need in zip(
        torch.autograd.grad(ours, weights), torch.autograd.grad(theirs, weights), strict=True
    ):
        torch.testing.assert_close(got, need, atol=1e-9, rtol=1e-9)


def test_tokens_stand_for_rows_of_a_table() -> None:
    torch.manual_seed(0)
    layer = Convolution(3, 4).double()
    table = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    tokens = torch.tensor([[1, 4], [2, 99], [3, -7]])  # what is padded need be no row
    found, there = layer(table, torch.tensor([3, 1]), tokens)
    assert there is not None
    torch.testing.assert_close(found[:, 0], by_hand(layer, table[[1, 2, 3]]), **EXACT)
    torch.testing.assert_close(found[:1, 1], by_hand(layer, table[[4]]), **EXACT)
    (gradient,) = torch.autograd.grad(found[:1, 1].sum() + found[:, 0].sum(), table)
    assert (gradient[0] == 0).all()


def test_equal_lengths_need_none() -> None:
    torch.manual_seed(0)
    layer = Convolution(3, 4, 5, 2).double()
    x = torch.randn(7, 2, 3, dtype=torch.float64)
    found, there = layer(x)
    assert there is None
    torch.testing.assert_close(found, layer(x, torch.tensor([7, 7]))[0], **EXACT)


@pytest.mark.parametrize("sizes", [(0, 3, 1), (4, 0, 1), (4, 3, 0)])
def test_sizes_below_one_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(LaminaError, match="is 0; need 1 to"):
        Convolution(3, *sizes)
