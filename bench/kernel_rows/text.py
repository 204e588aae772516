"""Training on sequences of unequal length: the cost of padding on each side."""

from __future__ import annotations

import random
from functools import partial

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from kernel_rows.contest import Goal, Row, Side
from kernel_rows.networks import (
    Shape,
    draw,
    drop_in,
    stack,
    stack_weights,
    torch_network,
    training,
)
from lamina.kernels import valid_steps

LONGEST, SHORTEST = 400, 20


def draw_lengths(batch: int) -> Tensor:
    """One sequence of ``LONGEST`` steps and the rest uniform from ``SHORTEST`` to it. For 32 this
    seed gives 6,339 tokens in 12,800 slots."""
    generator = random.Random(420)
    span = LONGEST - SHORTEST + 1
    rest = [SHORTEST + int(span * generator.random()) for _ in range(batch - 1)]
    return torch.tensor([LONGEST, *rest])


def ragged(quick: bool) -> list[Row]:
    """The LSTM and the GRU, packed and padded."""
    lengths = torch.tensor([7, 1, 4]) if quick else draw_lengths(32)
    slots = len(lengths) * int(lengths.max())
    title = f"training on text: {len(lengths)} sequences, {int(lengths.sum()):,} tokens in "
    title += f"{slots:,} slots"
    targets: dict[str, tuple[float, float]] = {"lstm": (8.0, 2.5), "gru": (8.0, 4.0)}
    rows = []
    for cell, (packed, padded) in targets.items():
        shape = Shape(cell, 19 if quick else 128, len(lengths), int(lengths.max()))
        goals = (
            Goal(f"{shape.name}, packed", ("torch packed",), packed),
            Goal(f"{shape.name}, padded", ("torch",), padded),
            Goal(f"{shape.name}, both packed", ("torch packed",), None, "lamina packed"),
        )
        rows.append(Row(title, partial(sides, shape, lengths), goals))
    return rows


def sides(shape: Shape, lengths: Tensor) -> list[Side]:
    """``torch`` runs over the padding as if it were data: its outputs at valid steps are the same,
    and no gradient comes from the others."""
    x = draw(shape.steps, shape.batch, shape.width)
    valid = valid_steps(lengths, shape.steps, x.device)[:, :, None]
    gradient = draw(*x.shape, seed=1) * valid
    network = torch_network(shape)
    twin, own = drop_in(network, shape.cell), stack(network, shape.cell)

    def packed(module: torch.nn.Module) -> Tensor:
        outputs, _ = module(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(outputs)[0]

    theirs, mine = dict(network.named_parameters()), dict(twin.named_parameters())
    return [
        training("torch packed", lambda: packed(network), theirs, gradient),
        training("torch", lambda: network(x)[0], theirs, gradient),
        training("lamina", lambda: own(x, None, lengths)[0], stack_weights(own), gradient),
        training("lamina packed", lambda: packed(twin), mine, gradient),
    ]
