"""How the weights of a recurrent layer start, by name.

Gates share one tensor but are separate maps, so every rule is applied to each gate's block.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lamina.cells import Cell


def uniform(weight: Tensor, hidden: int, recurrent: bool) -> None:
    """torch's own: uniform in ``±1 / sqrt(H)``, biases too."""
    bound = 1 / math.sqrt(hidden)
    nn.init.uniform_(weight, -bound, bound)


def xavier(weight: Tensor, hidden: int, recurrent: bool) -> None:
    """Glorot and Bengio (2010), equation 16: uniform in ``±sqrt(6 / (fan_in + fan_out))``."""
    for block in weight.split(hidden):
        nn.init.xavier_uniform_(block)


def he(weight: Tensor, hidden: int, recurrent: bool) -> None:
    """He et al. (2015), equation 10: normal with variance ``2 / fan_in``, meant for ReLU."""
    for block in weight.split(hidden):
        nn.init.kaiming_normal_(block, nonlinearity="relu")


def orthogonal(weight: Tensor, hidden: int, recurrent: bool) -> None:
    """Saxe et al. (2014) for ``U``, which keeps the length of what passes through it at every
    step; Xavier for ``W``. This is also what Keras does."""
    if not recurrent:
        return xavier(weight, hidden, recurrent)
    for block in weight.split(hidden):
        nn.init.orthogonal_(block)
    return None


#: Name -> ``rule(weight (G*H, columns), H, recurrent)``, in place.
INITS: dict[str, Callable[[Tensor, int, bool], None]] = {
    "uniform": uniform,
    "xavier": xavier,
    "he": he,
    "orthogonal": orthogonal,
}


@torch.no_grad()
def initialise(
    cell: Cell,
    w_ih: Tensor,
    w_hh: Tensor | None,
    b_ih: Tensor,
    b_hh: Tensor | None,
    *,
    init: str,
    forget_bias: float | None,
) -> None:
    """Set the weights of one layer in one direction. Biases start at zero, but for ``uniform``."""
    hidden = w_ih.shape[0] // len(cell.gates)
    INITS[init](w_ih, hidden, False)
    if w_hh is not None and w_hh.dim() == 2:
        INITS[init](w_hh, hidden, True)
    elif w_hh is not None:
        w_hh.uniform_(*cell.diagonal_start)
    for bias in (b_ih, b_hh):
        if bias is None:
            continue
        if init == "uniform":
            uniform(bias, hidden, False)
        else:
            nn.init.zeros_(bias)
    if cell.forget is not None and forget_bias is not None:
        forget = cell.rows(cell.forget, hidden)
        b_ih[forget] = forget_bias
        if b_hh is not None:
            b_hh[forget] = 0.0
