"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.norm import normalise_memory, recur
from lamina.cells.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


class LSTM(Cell):
    """Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000), no peepholes.

    With ``weights.norm``: Ba, Kiros and Hinton (2016), equations 20-22. With ``weights.w_hr``:
    Sak, Senior and Beaufays (2014), equation 7.
    """

    name = "lstm"
    gates = ("i", "f", "g", "o")
    parts = ("h", "c")
    candidate = "g"
    forget = "f"
    normalises_memory = True
    projects = True

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        h, c = state
        i, forget, g, o = (wx + recur(h, weights, mask)).chunk(4, dim=1)
        i = i.sigmoid()  # i = σ(W_i x_t + U_i h + b_i)
        forget = forget.sigmoid()  # f = σ(W_f x_t + U_f h + b_f)
        g = g.tanh()  # g = tanh(W_g x_t + U_g h + b_g)
        o = o.sigmoid()  # o = σ(W_o x_t + U_o h + b_o)
        c = forget * c + i * g  # c_t = f ∘ c + i ∘ g
        h = o * normalise_memory(c, weights.norm).tanh()  # h_t = o ∘ tanh(c_t)
        if weights.w_hr is not None:
            h = h @ weights.w_hr.T  # h_t = W_hr h_t
        return h, c
