"""The gradient that reaches each layer at each step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lamina.nn import Stack
from lamina.spec import LayerState, State
from measured.gradients import by_layer_and_step


def made(cell: Any, residual: bool) -> tuple[Stack, torch.Tensor]:
    torch.manual_seed(0)
    stack = Stack(2, cell=cell, depth=3, width=4, residual=residual).double().eval()
    return stack, torch.randn(5, 2, 2, dtype=torch.float64)


def loss(top: torch.Tensor) -> torch.Tensor:
    return top.square().sum()


def leaves(layer: LayerState) -> LayerState:
    return tuple(part.detach().requires_grad_() for part in layer)


def norm(layer: LayerState) -> float:
    grads = [part.grad for part in layer]
    return sum(float(grad.square().sum()) for grad in grads if grad is not None) ** 0.5


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("residual", [False, True])
def test_back_in_time(cell: str, residual: bool) -> None:
    """The top layer's state goes on in time alone: the whole stack, run on from there."""
    stack, x = made(cell, residual)
    found = by_layer_and_step(stack, x, loss)
    assert found.shape == (3, 5)
    for step in range(4):
        _, state = stack(x[: step + 1])
        top = leaves(state[2])
        outputs, _ = stack(x[step + 1 :], (*state[:2], top))
        loss(outputs[-1]).backward()
        assert found[2, step] == pytest.approx(norm(top))


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_down_the_layers(cell: str) -> None:
    """The bottom layer's state goes on in time and up: through the layers above at the same
    step."""
    stack, x = made(cell, False)
    found = by_layer_and_step(stack, x, loss)
    above = Stack(4, stack.options.part(slice(1, None))).double().eval()
    above.layers = stack.layers[1:]
    for step in range(1, 4):
        before: State = stack(x[:step])[1]
        bottom = leaves(stack(x[: step + 1])[1][0])
        _, upper = above(bottom[0], before[1:])
        outputs, _ = stack(x[step + 1 :], (bottom, *upper))
        loss(outputs[-1]).backward()
        assert found[0, step] == pytest.approx(norm(bottom))
