"""The LSTM with exponential gates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.norm import recur
from lamina.cells.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


class SLSTM(Cell):
    """Beck et al. (2024), *xLSTM: Extended Long Short-Term Memory*, equations 8-17, with one head
    and ``f = σ(...)``.

    The input gate is an exponential. ``n`` sums the gates, and ``m`` keeps the exponents small: all
    of them are the paper's times ``exp(-m)``, which ``h`` does not depend on. ``m`` starts at
    minus infinity, as nothing was read yet; then ``n >= 1`` from the first step on.
    """

    name = "slstm"
    gates = ("i", "f", "z", "o")
    parts = ("h", "c", "n", "m")
    candidate = "z"
    forget = "f"
    initial = {"m": -math.inf}  # noqa: RUF012
    summary_parts = ("h", "c")

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        h, c, n, m = state
        i, forget, z, o = (wx + recur(h, weights, mask)).chunk(4, dim=1)
        log_f = -_softplus(-forget)  # log f = log σ(W_f x_t + U_f h + b_f)
        new_m = (log_f + m).maximum(i)  # m_t = max(log f + m, i)
        i = (i - new_m).exp()  # i' = exp(i - m_t)
        forget = (log_f + m - new_m).exp()  # f' = exp(log f + m - m_t)
        c = forget * c + i * z.tanh()  # c_t = f' ∘ c + i' ∘ tanh(z)
        n = forget * n + i  # n_t = f' ∘ n + i'
        h = o.sigmoid() * (c / n)  # h_t = σ(o) ∘ c_t / n_t
        return h, c, n, new_m

    def summary(self, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c, n, _ = state
        return h, c / n

    def resume(self, summary: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c = summary
        return h, c, c.new_ones(c.shape), c.new_zeros(c.shape)


def _softplus(x: Tensor) -> Tensor:
    from torch.nn.functional import softplus  # here, so that the table of cells loads no torch

    return softplus(x)
