"""Stacks on top of each other, with half the frames from one to the next."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lamina.kernels import check_lengths
from lamina.nn.recurrent.dropout import drop
from lamina.nn.recurrent.options import StackOptions
from lamina.nn.recurrent.stack import Stack
from lamina.spec import LaminaError, State
from lamina.spec.counted import counted


class PyramidState(NamedTuple):
    """What a stream carries.

    stages: the state of each stack.
    odd:    for each halving, the output ``(1, B, F)`` that waits for its partner, or ``None``.
    """

    stages: tuple[State, ...]
    odd: tuple[Tensor | None, ...]


class Pyramid(nn.Module):
    """The pyramidal network of Chan et al. (2016), *Listen, Attend and Spell*, equation 5: a layer
    above a halving reads ``[h_2t, h_2t+1]`` of the layer below.

    After each of the lowest ``halvings`` layers, pairs of outputs are joined, so that ``T`` frames
    become ``T // 2``; one without a partner at the end is left out. Options hold as in one
    :class:`Stack`, but that no residual connection leads over a halving.

    Args:
        inputs:   size ``I`` of a frame.
        options:  of all layers together.
        halvings: 0 (one plain stack) up to the depth.

    Raises:
        LaminaError: more halvings than layers.
    """

    def __init__(self, inputs: int, options: StackOptions, halvings: int):
        super().__init__()
        depth = options.depth
        if not 0 <= halvings <= depth:
            raise LaminaError(f"halvings is {halvings}; need 0 to depth ({depth})")
        self.options, self.halvings = options, halvings
        starts = [*range(halvings), *([halvings] if halvings < depth else []), depth]
        self.stages = nn.ModuleList()
        size = inputs
        for index, (start, end) in enumerate(pairwise(starts)):
            stack = Stack(size, options.part(slice(start, end)))
            self.stages.append(stack)
            size = stack.outputs * (2 if index < halvings else 1)
        self.outputs = size

    def shorter(self, lengths: Tensor) -> Tensor:
        """How many frames are left of so many."""
        return lengths // 2**self.halvings

    def zero_state(self, batch: int) -> PyramidState:
        """The state before anything was read."""
        stages = tuple(stack.zero_state(batch) for stack in self.stages)  # type: ignore[operator]
        return PyramidState(stages, (None,) * self.halvings)

    def forward(
        self, x: Tensor, state: PyramidState | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, PyramidState]:
        """Run over time; in pieces, with the state carried, the outputs are those of the whole.

        Args:
            x: frames ``(T, B, I)``; ``T`` may be 0 in a stream.
            state: of the frames before; ``None``: these are the first.
            lengths: ``(B,)`` int64 on the CPU, each in ``2**halvings..T``, of sequences that are
                whole; ``None``: all are ``T``.

        Returns:
            outputs ``(T // 2**halvings, B, F)``, and more by what was carried; and the state.

        Raises:
            LaminaError: shapes that do not fit, a sequence too short, lengths with a state.
        """
        if lengths is not None and state is not None:
            raise LaminaError("got lengths and a state; a stream's pieces have no padding")
        if lengths is not None:
            lengths = check_lengths(lengths, *x.shape[:2])
        if lengths is not None and len(lengths) and int(self.shorter(lengths).min()) < 1:
            raise LaminaError(
                f"a sequence has {counted(int(lengths.min()), 'frame')}; "
                f"need {2**self.halvings} at least"
            )
        state = state or self.zero_state(x.shape[1])
        stages, waiting = list(state.stages), list(state.odd)
        p, kind = self.options.dropout, self.options.dropout_kind
        for index, stack in enumerate(self.stages):
            if index:
                x = drop(x, p, kind, training=self.training)
            if len(x):
                x, stages[index] = stack(x, stages[index], lengths)
            else:
                x = x.new_zeros((0, x.shape[1], stack.outputs))  # type: ignore[call-overload]
            if index < self.halvings:
                x, waiting[index] = _joined(x, waiting[index])
                lengths = None if lengths is None else lengths // 2
        return x, PyramidState(tuple(stages), tuple(waiting))


def _joined(x: Tensor, waiting: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """``(T, B, F)`` -> pairs side by side ``(T // 2, B, 2F)``, and what is left over."""
    if waiting is not None:
        x = torch.cat((waiting, x))
    pairs = len(x) // 2
    odd = x[2 * pairs :] if len(x) % 2 else None
    whole = x[: 2 * pairs].unflatten(0, (pairs, 2))  # (T // 2, 2, B, F)
    return whole.transpose(1, 2).flatten(2), odd
