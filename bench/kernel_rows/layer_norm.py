"""Training the layer-normalised LSTM, which torch lacks: against a Python loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

import lamina.nn
from kernel_rows.contest import Goal, Row, Side
from kernel_rows.networks import Shape, draw, training

#: Normalisation enlarges small differences from step to step: at full size the loop itself, in
#: float32, is 3e-5 off the same in float64.
TOLERANCE = 2e-4


def normalised(quick: bool) -> list[Row]:
    """Ba, Kiros and Hinton (2016), in the form of :mod:`lamina.nn.recurrent.layer`."""
    shape = Shape("lstm").small() if quick else Shape("lstm")
    goal = Goal(str(shape), ("Python loop",), 2.2)
    title = "training of the layer-normalised LSTM"
    return [Row(title, partial(sides, shape), (goal,))]


def sides(shape: Shape) -> list[Side]:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        stack = lamina.nn.Stack(
            shape.width, cell="lstm", depth=shape.depth, width=shape.width, norm="layer"
        )
    weights = dict(stack.named_parameters())
    copies = {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}
    prefixes = [f"layers.{index}.directions.0." for index in range(shape.depth)]
    layers = [
        {name.removeprefix(prefix): w for name, w in copies.items() if name.startswith(prefix)}
        for prefix in prefixes
    ]
    x = draw(shape.steps, shape.batch, shape.width)
    gradient = draw(*x.shape, seed=1)
    mine = training("lamina", lambda: stack(x)[0], weights, gradient)
    return [
        training("Python loop", lambda: python_loop(x, layers), copies, gradient),
        replace(mine, tolerance=TOLERANCE),
    ]


def python_loop(x: Tensor, layers: Iterable[Mapping[str, Tensor]]) -> Tensor:
    """What one writes by hand with care: the input's product and its normalisation once for all
    steps, and ``unbind``, whose backward costs a third less in all than indexing step by step.
    """
    for w in layers:
        hidden = w["weight_hh"].shape[1]
        gates = (4 * hidden,)
        u = w["weight_hh"].T
        wx = layer_norm(x @ w["weight_ih"].T, gates, w["gains.ih"], w["bias_ih"])
        h = c = x.new_zeros(x.shape[1], hidden)
        outputs = []
        for wx_t in wx.unbind():
            uh = layer_norm(h @ u, gates, w["gains.hh"], w["bias_hh"])
            i, f, g, o = (wx_t + uh).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            memory = layer_norm(c, (hidden,), w["gains.c"], w["gains.c_shift"])
            h = torch.sigmoid(o) * torch.tanh(memory)
            outputs.append(h)
        x = torch.stack(outputs)
    return x
