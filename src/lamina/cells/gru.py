"""The gated recurrent unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.norm import recur
from lamina.cells.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


class GRU(Cell):
    """Cho et al. (2014) with the reset gate after the product: the form of cuDNN, of torch and of
    Keras (``reset_after=True``).

    The first version of the paper resets before the product, ``U (r ∘ h)``; that one cannot be
    computed with one matrix product a step.
    """

    name = "gru"
    gates = ("r", "z", "n")
    candidate = "n"

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        (h,) = state
        w_r, w_z, w_n = wx.chunk(3, dim=1)
        u_r, u_z, u_n = recur(h, weights, mask).chunk(3, dim=1)
        r = (w_r + u_r).sigmoid()  # r = σ(W_r x_t + U_r h + b_r)
        z = (w_z + u_z).sigmoid()  # z = σ(W_z x_t + U_z h + b_z)
        n = (w_n + r * u_n).tanh()  # n = tanh(W_n x_t + b_n + r ∘ (U_n h + b'_n))
        h = (1 - z) * n + z * h  # h_t = (1 - z) ∘ n + z ∘ h
        return (h,)
