"""Training: forward and backward into every weight. The input needs no gradient, since it is
data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from kernel_rows.contest import Goal, Row, Side, SkipError
from kernel_rows.networks import CELL_NAMES, Shape, draw, drop_in, module_training, torch_network

#: Of the matrices of the yardstick: large enough for the best rate that torch has.
YARDSTICK = 2048


def dense(quick: bool) -> list[Row]:
    """Batches without padding."""
    wanted = [
        (Shape("lstm"), 1.3),
        (Shape("gru"), 1.8),
        (Shape("gru", width=650, batch=20), 1.8),
        (Shape("rnn"), 1.8),
        (Shape("gru", batch=1, steps=256), 6.0),
    ]
    rows = []
    for shape, target in wanted:
        used = shape.small() if quick else shape
        goal = Goal(str(used), ("torch",), target)
        rows.append(Row("training: forward and backward", partial(pair, used), (goal,)))
    return rows


def pair(shape: Shape, gflop: float | None = None) -> list[Side]:
    network = torch_network(shape)
    x = draw(shape.steps, shape.batch, shape.width)
    gradient = draw(*x.shape, seed=1)
    twin = drop_in(network, shape.cell)
    return [
        module_training("torch", network, x, gradient, gflop),
        module_training("lamina", twin, x, gradient, gflop),
    ]


def rate(quick: bool) -> list[Row]:
    """What share of the rate of a large matrix product is reached."""
    rows = []
    for cell in CELL_NAMES:
        shape = Shape(cell).small() if quick else Shape(cell)
        goal = Goal(str(shape), ("torch.mm",), 0.85)
        title = "training, as a share of the rate of a large matrix product"
        build = partial(beside_product, shape, 64 if quick else YARDSTICK)
        rows.append(Row(title, build, (goal,), "GFLOP/s"))
    return rows


def beside_product(shape: Shape, size: int) -> Sequence[Side]:
    a, b = draw(size, size, seed=2), draw(size, size, seed=3)
    out = torch.empty(size, size)
    product = Side("torch.mm", lambda: torch.mm(a, b, out=out), None, 2e-9 * size**3)
    return [*pair(shape, shape.gflop()), product]


def threads(quick: bool) -> list[Row]:
    """Two threads against one."""
    shape = Shape("lstm").small() if quick else Shape("lstm")
    goal = Goal(str(shape), ("one thread",), 1.8)
    return [Row("training with two threads against one", partial(one_and_two, shape), (goal,))]


def one_and_two(shape: Shape) -> list[Side]:
    if torch.get_num_threads() < 2:
        raise SkipError("one thread was asked for")
    _, side = pair(shape)
    sides = {"one thread": 1, "lamina": 2}
    return [
        Side(name, side.run, side.values, before=partial(torch.set_num_threads, count))
        for name, count in sides.items()
    ]
