"""The minimal gated unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.norm import recur
from lamina.cells.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


class MGU(Cell):
    """Zhou et al. (2016), *Minimal Gated Unit for Recurrent Neural Networks*, equations 5-7: a GRU
    whose one gate both forgets and resets.

    The candidate reads ``f ∘ h``, so a step takes two matrix products, one after the other. With
    layer normalisation, each of them is normalised on its own.
    """

    name = "mgu"
    gates = ("f", "n")
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
        hidden = h.shape[1]
        w_f, w_n = wx.chunk(2, dim=1)
        u_f = recur(h, weights, mask, self.rows("f", hidden))
        forget = (w_f + u_f).sigmoid()  # f = σ(W_f x_t + U_f h + b_f)
        u_n = recur(forget * h, weights, mask, self.rows("n", hidden))
        n = (w_n + u_n).tanh()  # n = tanh(W_n x_t + U_n (f ∘ h) + b_n)
        h = (1 - forget) * h + forget * n  # h_t = (1 - f) ∘ h + f ∘ n
        return (h,)
