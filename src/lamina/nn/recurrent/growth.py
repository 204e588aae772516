"""A deeper network that says exactly what a shallower one does: layers that give nothing at first.

Chen, Goodfellow and Shlens (2016), *Net2Net*, want a deeper network to begin where the
shallower one stands; on a residual branch that takes only a last map that is zero (Goyal et al.
2017, section 5.1; Zhang, Dauphin and Ma 2019, *Fixup*, and the learned zero of Bachlechner
et al. 2021, *ReZero*). A recurrent cell has such a map inside: the one
that makes its candidate. While the candidate is ``tanh(0)``, ``h`` and ``c`` stay zero from step
to step, and the gradient reaches the map as the other gates are open.
"""

from __future__ import annotations

import torch
from torch import nn

from lamina.nn.recurrent.layer import Direction, Layer
from lamina.nn.recurrent.stack import Stack
from lamina.spec import LaminaError


@torch.no_grad()
def silence(layer: Layer) -> None:
    """Let a fresh layer give zeros, from a state of zeros, whatever it reads.

    Raises LaminaError for rectifiers, which no gradient passes at zero, and for a cell that has no
    candidate.
    """
    for direction in layer.directions:
        assert isinstance(direction, Direction)
        if direction.activation == "relu":
            raise LaminaError(
                "a layer of rectifiers that gives nothing learns nothing; need activation='tanh'"
            )
        cell = direction.cell
        if cell.candidate is None:
            raise LaminaError(
                f"cell {cell.name!r} has no candidate gate, so that no layer of it can give nothing"
                " at first; need another cell to grow"
            )
        rows = cell.rows(cell.candidate, direction.hidden)
        # Behind a normalisation the map is as large as ever: its gain is what makes it zero.
        if direction.gains is not None:
            direction.gains.ih[rows] = 0.0
        elif direction.batch_norm is not None:
            direction.batch_norm.gain[rows] = 0.0
        else:
            direction.weight_ih[rows] = 0.0
        direction.bias_ih[rows] = 0.0
        if direction.bias_hh is not None:
            direction.bias_hh[rows] = 0.0  # U h is zero while h is


def grow(deep: nn.Module, shallow: nn.Module) -> None:
    """Give a fresh network all that one with fewer layers has learned; its further layers, on top
    of each stack, give nothing at first.

    Raises LaminaError where the networks differ in more than layers over a residual connection.
    """
    stacks = {p: m for p, m in shallow.named_modules() if isinstance(m, Stack)}
    fresh: set[str] = set()
    for place, stack in deep.named_modules():
        below = stacks.get(place)
        if not isinstance(stack, Stack) or below is None:
            continue
        for index in range(below.options.depth, stack.options.depth):
            if not stack.options.residual:
                raise LaminaError(
                    "a layer that changes nothing at first takes a residual connection around it;"
                    " need residual=True"
                )
            layer = stack.layers[index]
            assert isinstance(layer, Layer)
            silence(layer)
            at = f"{place}.layers.{index}.".lstrip(".")
            fresh |= {at + name for name in layer.state_dict()}
    known, whole = shallow.state_dict(), deep.state_dict()
    for name, tensor in whole.items():
        alike = name in known and known[name].shape == tensor.shape
        if not alike and name not in fresh:
            raise LaminaError(
                f"{name} of the deeper network is no part of the shallower one, so its layers do"
                " more than add; need one width= at all depths, and for a network in several parts"
                " more layers to begin with"
            )
    deep.load_state_dict({**whole, **known})
