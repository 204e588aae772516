"""The plain recurrent cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.norm import recur
from lamina.cells.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


class RNN(Cell):
    """Elman (1990), *Finding structure in time*."""

    name = "rnn"
    gates = ("h",)
    activations = ("tanh", "relu")
    candidate = "h"

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        (h,) = state
        uh = recur(h, weights, mask)
        h = f(wx + uh)  # h_t = f(W x_t + U h + b)
        return (h,)
