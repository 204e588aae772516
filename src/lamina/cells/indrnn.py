"""The independently recurrent network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.norm import recur
from lamina.cells.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


class IndRNN(Cell):
    """Li et al. (2018), *Independently Recurrent Neural Network*, equation 2: each unit remembers
    itself alone, and layers above mix the units, so that stacks can be deep.

    The paper keeps ``|u| <= 2^(1/T)`` (section 4.1, with ReLU); weights start uniformly in [0, 1],
    which is within that bound for every T. Layer normalisation is of ``W x`` alone: over ``u ∘ h``
    it would mix what the cell keeps apart.
    """

    name = "indrnn"
    gates = ("h",)
    recurrence = "diagonal"
    activations = ("relu", "tanh")
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
        h = f(wx + recur(h, weights, mask))  # h_t = f(W x_t + u ∘ h + b)
        return (h,)
