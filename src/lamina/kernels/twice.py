"""Second derivatives of the core's recurrences: the gradient of a gradient, for gradient penalties
and Hessians.

They are computed from :mod:`lamina.kernels.reference`, whose steps autograd records: exact, and as
slow as a loop over time in torch. The first derivative stays the core's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lamina.cells import CELLS, Activation, LayerNormGains, Weights
from lamina.kernels import reference
from lamina.kernels.request import Request


def gradients_of_gradients(
    name: str,
    reverse: bool,
    tokens: Tensor | None,
    lengths: Tensor | None,
    mask: Tensor | None,
    given: Sequence[Tensor | None],
    seeds: Sequence[Tensor | None],
    needed: Sequence[bool],
    cotangents: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """What flows back through the backward pass of a recurrence.

    Args:
        name: the core's name of the cell with its activation.
        reverse: as in :class:`Request`, like the next three.
        tokens: see there.
        lengths: see there.
        mask: the ``recurrent_mask``.
        given: ``x``, ``h0``, ``c0``, the four weights and biases, and the four gains of layer
            normalisation; ``None`` where there is none.
        seeds: the gradients of outputs, final ``h`` and final ``c`` that the backward pass took.
        needed: of which of ``given`` it made the gradient.
        cotangents: the gradients of these gradients; ``None`` for zero.

    Returns:
        The gradients of ``given``, then of ``seeds``; ``None`` for zero.
    """
    again = torch.is_grad_enabled()  # a third derivative may follow
    with torch.enable_grad():
        # Views: one tensor may be given twice, and each of its uses has a gradient of its own.
        given = [None if part is None else _leaf(part) for part in given]
        seeds = [None if part is None else _leaf(part) for part in seeds]
        cell, _, activation = name.partition("_")
        x, h0, c0, *weights = given
        norm = None if weights[4] is None else LayerNormGains(*weights[4:])  # type: ignore[arg-type]
        request = Request(
            CELLS[cell],
            x,  # type: ignore[arg-type]
            (h0,) if c0 is None else (h0, c0),  # type: ignore[arg-type]
            Weights(*weights[:4], None, norm),  # type: ignore[arg-type]
            lengths,
            tokens,
            reverse,
            _activation(activation),
            mask,
        )
        outputs, state = reference.scan(request)
        results = [
            (made, seed)
            for made, seed in zip((outputs, *state), seeds, strict=False)
            if seed is not None
        ]
        asked = [
            (part, cotangent)
            for part, need, cotangent in zip(given, needed, cotangents, strict=True)
            if need and part is not None and cotangent is not None
        ]
        first = torch.autograd.grad(
            [made for made, _ in results],
            [part for part, _ in asked],
            [seed for _, seed in results],
            create_graph=True,
            allow_unused=True,
        )
        flowing = [
            (grad, cotangent)
            for grad, (_, cotangent) in zip(first, asked, strict=True)
            if grad is not None and grad.requires_grad
        ]
        if not flowing:
            return [None] * (len(given) + len(seeds))
        wanted = [part for part in (*given, *seeds) if part is not None]
        second = iter(
            torch.autograd.grad(
                [grad for grad, _ in flowing],
                wanted,
                [cotangent for _, cotangent in flowing],
                create_graph=again,
                allow_unused=True,
            )
        )
    return [None if part is None else next(second) for part in (*given, *seeds)]


def _leaf(part: Tensor) -> Tensor:
    return part.view_as(part) if part.requires_grad else part.detach().requires_grad_()


def _activation(name: str) -> Activation:
    return "relu" if name == "relu" else "tanh"
