"""One door to every recurrence: :func:`scan`.

A backend is a module with two functions of a :class:`lamina.kernels.request.Request`: ``refuses``,
which says why it cannot run it, and ``scan``, which runs it. To add one, write the module and add
its line to ``BACKENDS``, fastest first; ``tests/support/conformance.py`` then compares it with the
reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from lamina.cells import Activation, Cell, Weights, cell_named
from lamina.kernels import library, native, parallel, private, reference
from lamina.kernels.given import check_tensor
from lamina.kernels.request import Request
from lamina.spec import LaminaError

BACKENDS: dict[str, ModuleType] = {
    "native": native,
    "library": library,
    "parallel": parallel,
    "reference": reference,
}


@dataclass(frozen=True)
class Choice:
    """Which backend runs a request, and why."""

    backend: str
    why: str


def choose(request: Request, backend: str = "auto") -> Choice:
    """The backend that :func:`scan` would run for this request.

    Raises:
        LaminaError: the backend asked for by name does not exist or cannot run the request.
    """
    if (dtype := private.autocast_dtype(request.x)) is not None:
        request = request.to(dtype)
    if backend != "auto":
        if backend not in BACKENDS:
            raise LaminaError(f"got backend {backend!r}; need one of auto, {', '.join(BACKENDS)}")
        if reason := BACKENDS[backend].refuses(request):
            raise LaminaError(f"backend {backend!r} cannot run this: {reason}. Use backend='auto'.")
        return Choice(backend, "chosen by name")
    refused = []
    for name, module in BACKENDS.items():
        reason = module.refuses(request)
        if reason is None:
            return Choice(name, "; ".join(refused) or "fastest that can run this")
        refused.append(f"not {name}: {reason}")
    raise LaminaError("; ".join(refused))


def scan(
    cell: str | Cell,
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
        cell: a name in :data:`lamina.cells.CELLS`, or a cell.
        x: ``(T, B, I)``; ``(T, B, G*H)`` where ``weights.w_ih`` is ``None``. With ``tokens``: a
            table ``(V, I)``, or ``(V, G*H)``, whose row ``tokens[t, b]`` is the input of a step.
        state: the parts that the cell names, each ``(B, H)``, before the first step computed.
        weights: see :class:`lamina.cells.Weights`.
        lengths: ``(B,)`` whole numbers on the CPU, a tensor, an array or a list, each in ``1..T``;
            ``None``: all are ``T``. ``x`` or ``tokens`` at a step ``t >= length`` are not read,
            and may be anything.
        tokens: ``(T, B)`` whole numbers, where ``x`` is, each in ``0..V-1``.
        reverse: from the last valid step to the first.
        activation: one of the cell's ``activations``.
        recurrent_mask: ``(B, H)``, multiplies ``h`` where it enters ``U h``, the same at every
            step (Gal and Ghahramani 2016); scaled by the caller.
        backend: ``"auto"`` or a name in ``BACKENDS``.

    Returns:
        outputs ``(T, B, H)``, zero at padded steps, and the state after the last valid step.

    Under ``torch.autocast`` everything is computed in its dtype.

    Raises:
        LaminaError: arguments that do not fit together, or a backend that cannot run them.
    """
    request = Request(
        cell_named(cell), x, state, weights, lengths, tokens, reverse, activation, recurrent_mask
    )
    check_tensor("x", x, "a tensor (T, B, I)" if tokens is None else "a table (V, I)")
    if (dtype := private.autocast_dtype(x)) is not None:
        # Autocast casts here and there; a recurrence wants one type for all that it is given.
        request = request.to(dtype)
        with torch.autocast(x.device.type, enabled=False):
            return _run(request, backend)
    return _run(request, backend)


def _run(request: Request, backend: str) -> tuple[Tensor, tuple[Tensor, ...]]:
    request = request.checked()
    return BACKENDS[choose(request, backend).backend].scan(request)
