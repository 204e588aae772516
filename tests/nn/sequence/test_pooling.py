"""From outputs at every step to one vector a sequence, against loops over single sequences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lamina.nn import Stack, pool
from lamina.spec import LaminaError
from laws import EXACT

LENGTHS = torch.tensor([5, 1, 3, 7])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "unequal"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_last_is_the_final_state(cell: str, lengths: Tensor | None, bidirectional: bool) -> None:
    """Backwards the final state is at the first step, where every valid step has been read."""
    torch.manual_seed(0)
    stack = Stack(3, cell=cell, depth=2, width=4, bidirectional=bidirectional).double()
    outputs, final = stack(torch.randn(7, 4, 3, dtype=torch.float64), lengths=lengths)
    h = final[-1][0]  # (D, B, H)
    last = pool("last", stack.outputs, stack.options.directions)
    torch.testing.assert_close(last(outputs, lengths), torch.cat(tuple(h), dim=1), **EXACT)


@pytest.mark.parametrize(
    ("name", "over"),
    [("mean", lambda x: x.mean(dim=0)), ("max", lambda x: x.max(dim=0).values)],
)
def test_only_valid_steps_are_read(name: str, over: Callable[[Tensor], Tensor]) -> None:
    """All values are below 0, so that padding of 0 would be the largest."""
    torch.manual_seed(0)
    outputs = -1 - torch.rand(7, 4, 6, dtype=torch.float64)
    outputs.masked_fill_(torch.arange(7)[:, None, None] >= LENGTHS[:, None], 0.0)
    expected = torch.stack([over(outputs[:n, b]) for b, n in enumerate(LENGTHS.tolist())])
    layer = pool(name, 6, 1)
    torch.testing.assert_close(layer(outputs, LENGTHS), expected, **EXACT)
    torch.testing.assert_close(layer(outputs[:, 3:], None), expected[3:], **EXACT)


def test_attention_is_a_softmax_over_valid_steps() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(7, 4, 6, dtype=torch.float64)
    layer = pool("attention", 6, 1).double()
    w, b, u = (layer.get_parameter(n) for n in ("key.weight", "key.bias", "query.weight"))
    expected = []
    for member, n in enumerate(LENGTHS.tolist()):
        h = outputs[:n, member]  # (T, H)
        share = torch.exp(torch.tanh(h @ w.T + b) @ u[0])  # (T,)
        expected.append((share / share.sum()) @ h)
    torch.testing.assert_close(layer(outputs, LENGTHS), torch.stack(expected), **EXACT)


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(LaminaError, match="got pooling 'sum'; need one of last, mean"):
        pool("sum", 4, 1)
