"""The minimal GRU, which is linear in its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.cells.linear import LinearCell

if TYPE_CHECKING:
    from torch import Tensor


class MinGRU(LinearCell):
    """Feng et al. (2024), *Were RNNs All We Needed?*, section 3.1.

    Gates read ``x`` alone, so that all steps can be computed together, by a parallel scan over time
    (:mod:`lamina.kernels.parallel`). This is the paper's plain form; its second form, in log space,
    needs a positive candidate. ``1 - z`` is in (0, 1), so products of it cannot overflow.
    """

    name = "mingru"
    gates = ("z", "n")
    candidate = "n"

    def linear(self, wx: Tensor) -> tuple[Tensor, Tensor]:
        z, n = wx.chunk(2, dim=-1)  # n = W_n x_t + b_n
        keep, z = (-z).sigmoid(), z.sigmoid()  # z = σ(W_z x_t + b_z)
        return keep, z * n  # h_t = (1 - z) ∘ h + z ∘ n
