"""The recurrences as the cells write them, one step after another, in plain torch.

Together with :mod:`lamina.cells` this is the definition of truth. It works in any dtype and on any
device, can be differentiated twice, and takes every cell and option; the other kernels are measured
against it.

``x_t`` is the input of a step, ``h`` the output of the step before, ``c`` the memory cell;
``σ`` is the logistic function and ``∘`` the product by element. ``W`` is ``w_ih``, ``U`` is
``w_hh``. A *projection* ``W x_t`` is made for all steps at once, before the loop.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lamina.cells import Cell, project
from lamina.kernels import private
from lamina.kernels.given import article, valid_steps
from lamina.kernels.request import Request, look_up
from lamina.spec import LaminaError
from lamina.spec.counted import counted

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


def refuses(request: Request) -> str | None:
    """Why this kernel cannot run a request, or ``None``: it runs every one."""
    return loops()


def loops() -> str | None:
    """Why a loop of Python cannot run now, or ``None``."""
    if private.tracing():
        return "torch.jit.trace would record a loop for one number of steps; use torch.export"
    return None


def scan(request: Request) -> tuple[Tensor, tuple[Tensor, ...]]:
    """See :func:`lamina.kernels.scan`."""
    state, weights = request.state, request.weights
    wx, valid = projected(request)
    steps, f = len(wx), ACTIVATIONS[request.activation]
    outputs: list[Tensor] = [wx] * steps
    for t in reversed(range(steps)) if request.reverse else range(steps):
        new = request.cell.step(wx[t], state, weights, request.recurrent_mask, f)
        if not isinstance(new, tuple) or len(new) != len(state):
            raise _no_state(request.cell, new)
        if valid is None:
            state, outputs[t] = new, new[0]
        else:
            state = tuple(torch.where(valid[t], a, b) for a, b in zip(new, state, strict=True))
            outputs[t] = new[0].masked_fill(~valid[t], 0.0)
    return (torch.stack(outputs) if steps else wx.new_zeros((0, *state[0].shape))), state


def projected(request: Request) -> tuple[Tensor, Tensor | None]:
    """``W x + b`` of every step, ``(T, B, G*H)``, and which steps are valid, ``(T, B, 1)``, or
    ``None`` where all are. At padded steps ``x`` counts as zero."""
    x, weights, valid = request.x, request.weights, None
    if request.tokens is not None:
        x = look_up(x, request.tokens, request.lengths)  # (V, I) -> (T, B, I)
    if request.lengths is not None:
        valid = valid_steps(request.lengths, x.shape[0], x.device)[:, :, None]  # (T, B, 1)
        x = x.masked_fill(~valid, 0.0)  # padding may hold anything, also what is not a number
    gain = weights.norm.ih if weights.norm else None
    return project(x, weights.w_ih, weights.b_ih, gain), valid


def _no_state(cell: Cell, made: object) -> LaminaError:
    got = article(type(made).__name__)
    if isinstance(made, tuple):
        got = counted(len(made), "part")
    need = f"a tuple of its parts ({', '.join(cell.parts)}{',' if len(cell.parts) == 1 else ''})"
    return LaminaError(f"step of the cell {cell.name!r} returned {got}; need {need}")
