"""One door to every recurrence: :func:`scan`.

A backend is a module with two functions: ``refuses``, which says why it cannot take a request,
and ``scan``, which runs it. To add one, write the module and add its line to ``BACKENDS``,
fastest first; ``tests/support/conformance.py`` then holds it against the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from lamina.kernels import library, native, reference
from lamina.kernels.request import (
    LayerNormGains,
    Weights,
    check,
    check_lengths,
    check_rows,
    check_tokens,
    look_up,
    valid_steps,
)
from lamina.spec import Activation, CellKind, LaminaError

__all__ = [
    "BACKENDS",
    "Choice",
    "LayerNormGains",
    "Weights",
    "check_lengths",
    "check_rows",
    "check_tokens",
    "choose",
    "look_up",
    "scan",
    "valid_steps",
]

BACKENDS: dict[str, ModuleType] = {"native": native, "library": library, "reference": reference}


@dataclass(frozen=True)
class Choice:
    """Which backend runs a request, and why."""

    backend: str
    why: str


def choose(
    weights: Weights, *, recurrent_mask: Tensor | None = None, backend: str = "auto"
) -> Choice:
    """The backend that :func:`scan` would run with these arguments.

    Raises:
        LaminaError: the backend asked for by name does not exist or cannot take the request.
    """
    kind = weights.w_hh.device.type
    if torch.is_autocast_enabled(kind):
        weights = weights.to(torch.get_autocast_dtype(kind))
    if backend != "auto":
        if backend not in BACKENDS:
            raise LaminaError(f"got backend {backend!r}; need one of auto, {', '.join(BACKENDS)}")
        if reason := BACKENDS[backend].refuses(weights, recurrent_mask):
            raise LaminaError(f"backend {backend!r} cannot run this: {reason}. Use backend='auto'.")
        return Choice(backend, "asked for by name")
    refused = []
    for name, module in BACKENDS.items():
        reason = module.refuses(weights, recurrent_mask)
        if reason is None:
            return Choice(name, "; ".join(refused) or "fastest that can run this")
        refused.append(f"not {name}: {reason}")
    raise LaminaError("; ".join(refused))


def scan(
    cell: CellKind,
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Weights,
    lengths: Tensor | None = None,
    *,
    tokens: Tensor | None = None,
    reverse: bool = False,
    activation: Activation = "tanh",
    recurrent_mask: Tensor | None = None,
    backend: str = "auto",
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer in one direction over time.

    Args:
        cell: ``"rnn"``, ``"gru"`` or ``"lstm"``.
        x: ``(T, B, I)``; ``(T, B, G*H)`` where ``weights.w_ih`` is ``None``. With ``tokens``: a
            table ``(V, I)``, or ``(V, G*H)``, whose row ``tokens[t, b]`` is the input of a step.
        state: ``(h,)`` or ``(h, c)``, each ``(B, H)``, before the first step that is computed.
        weights: see :class:`Weights`.
        lengths: ``(B,)`` int64 on the CPU, each in ``1..T``; ``None``: all are ``T``. What stands
            in ``x`` or ``tokens`` at a step ``t >= length`` is not read, and may be anything.
        tokens: ``(T, B)`` int64, where ``x`` is, each in ``0..V-1``.
        reverse: from the last valid step to the first.
        activation: of the plain RNN; a GRU and an LSTM have ``"tanh"``.
        recurrent_mask: ``(B, H)``, multiplies ``h`` where it enters ``U h``, the same at every
            step (Gal and Ghahramani 2016); scaled by the caller.
        backend: ``"auto"`` or a name in ``BACKENDS``.

    Returns:
        outputs ``(T, B, H)``, zero at padded steps, and the state after the last valid step.

    Under ``torch.autocast`` everything is computed in its dtype.

    Raises:
        LaminaError: arguments that do not fit together, or a backend that cannot run them.
    """
    options: dict[str, Any] = {"tokens": tokens, "reverse": reverse, "activation": activation}
    if torch.is_autocast_enabled(kind := x.device.type):
        # Autocast casts here and there; a recurrence wants one type for all that it is given.
        dtype = torch.get_autocast_dtype(kind)
        mask = None if recurrent_mask is None else recurrent_mask.to(dtype)
        state = tuple(part.to(dtype) for part in state)
        options |= {"recurrent_mask": mask, "backend": backend}
        with torch.autocast(kind, enabled=False):
            return scan(cell, x.to(dtype), state, weights.to(dtype), lengths, **options)
    check(cell, x, state, weights, lengths, tokens, activation, recurrent_mask)
    chosen = choose(weights, recurrent_mask=recurrent_mask, backend=backend)
    run = BACKENDS[chosen.backend].scan
    return run(cell, x, state, weights, lengths, recurrent_mask=recurrent_mask, **options)
