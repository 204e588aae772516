"""The recurrences of lamina's own core, ``csrc/``: float32 on a CPU.

The two passes are custom operators of torch, ``lamina::recurrence`` and
``lamina::recurrence_backward``, so that autograd, ``torch.compile`` and ``torch.export`` know them.
``docs/performance.md`` says how the core works and how fast it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lamina.kernels import threads
from lamina.kernels.weights import LayerNormGains, Weights, look_up
from lamina.spec import Activation, CellKind, LaminaError

try:
    from lamina.kernels import _core
except ImportError as error:
    _core = None
    MISSING = (
        f"the core cannot be loaded ({error})"
        if "_core" not in str(error)
        else ("the core was not built, for want of a C++ compiler when lamina was installed")
    )


def refuses(weights: Weights, recurrent_mask: Tensor | None) -> str | None:
    """Why this kernel cannot take a request, or ``None`` if it can."""
    if _core is None:
        return MISSING
    if weights.w_hh.device.type != "cpu":
        return f"runs on the cpu only, not on {weights.w_hh.device.type}"
    if weights.w_hh.dtype != torch.float32:
        return f"computes in float32 only, not in {str(weights.w_hh.dtype).removeprefix('torch.')}"
    if weights.w_hr is not None:
        return "has no projection of the output"
    if recurrent_mask is not None and recurrent_mask.requires_grad:
        return "makes no gradient of the recurrent mask"
    return None


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
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """See :func:`lamina.kernels.scan`."""
    if tokens is not None and not x.is_contiguous() and len(x) > tokens.numel():
        # The core wants rows that are contiguous. Of a large table, such as a transposed weight
        # matrix, a look-up copies less than the whole.
        x, tokens = look_up(x, tokens, lengths), None
    h0, c0 = (*state, None)[:2]
    norm = weights.norm or LayerNormGains(None, None)  # type: ignore[arg-type]
    given = (x, h0, c0, *weights[:4], *norm)
    train = torch.is_grad_enabled() and any(
        part is not None and part.requires_grad for part in given
    )
    outputs, h_n, c_n, _ = recurrence(
        f"rnn_{activation}" if cell == "rnn" else cell,
        reverse,
        train,
        tokens,
        lengths,
        recurrent_mask,
        *given,
    )
    return outputs, ((h_n,) if c0 is None else (h_n, c_n))


@torch.library.custom_op("lamina::recurrence", mutates_args=())
def recurrence(
    cell: str,
    reverse: bool,
    train: bool,
    tokens: Tensor | None,
    lengths: Tensor | None,
    mask: Tensor | None,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    w_ih: Tensor | None,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    gain_ih: Tensor | None,
    gain_hh: Tensor | None,
    gain_c: Tensor | None,
    shift_c: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs ``(T, B, H)``, final h and c ``(B, H)`` (c empty but for an LSTM), and what the
    backward pass needs, in a form of the core's own (empty unless ``train``)."""
    given = (x, h0, c0, w_ih, w_hh, b_ih, b_hh, gain_ih, gain_hh, gain_c, shift_c)
    problem = as_problem(cell, reverse, tokens, lengths, mask, given)
    outputs, h_n, c_n = results_like(x, tokens, h0, c0)
    saved = x.new_empty(problem.saved_size if train else 0)
    problem.forward(outputs, h_n, None if c0 is None else c_n, saved if train else None)
    return outputs, h_n, c_n, saved


@torch.library.custom_op("lamina::recurrence_backward", mutates_args=())
def recurrence_backward(
    cell: str,
    reverse: bool,
    needed: list[bool],
    tokens: Tensor | None,
    lengths: Tensor | None,
    mask: Tensor | None,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    w_ih: Tensor | None,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    gain_ih: Tensor | None,
    gain_hh: Tensor | None,
    gain_c: Tensor | None,
    shift_c: Tensor | None,
    outputs: Tensor,
    saved: Tensor,
    d_outputs: Tensor | None,
    d_h_n: Tensor | None,
    d_c_n: Tensor | None,
) -> list[Tensor]:
    """The gradient of each of ``x`` to ``shift_c`` that is ``needed``; empty for the others."""
    given = (x, h0, c0, w_ih, w_hh, b_ih, b_hh, gain_ih, gain_hh, gain_c, shift_c)
    problem = as_problem(cell, reverse, tokens, lengths, mask, given)
    made = gradients_like(given, needed)
    upstream = [None if d is None else d.detach().contiguous() for d in (d_outputs, d_h_n, d_c_n)]
    room = [grad if need else None for grad, need in zip(made, needed, strict=True)]
    problem.backward(outputs.detach(), saved.detach(), *upstream, *room)
    return made


def as_problem(
    cell: str,
    reverse: bool,
    tokens: Tensor | None,
    lengths: Tensor | None,
    mask: Tensor | None,
    given: tuple[Tensor | None, ...],
) -> Any:
    """The arguments of an operator as the core takes them."""
    arrays = [
        None if part is None else part.detach().contiguous()
        for part in (given[0], tokens, lengths, *given[1:], mask)
    ]
    return _core.Recurrence(cell, reverse, threads.count(), *arrays)  # type: ignore[union-attr]


def results_like(
    x: Tensor, tokens: Tensor | None, h0: Tensor, c0: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Room for the outputs and the final state."""
    steps, batch = (x if tokens is None else tokens).shape[:2]
    hidden = h0.shape[1]
    c_n = x.new_empty((0,) if c0 is None else (batch, hidden))
    return x.new_empty((steps, batch, hidden)), x.new_empty((batch, hidden)), c_n


def gradients_like(given: tuple[Tensor | None, ...], needed: list[bool]) -> list[Tensor]:
    """Room for the gradients."""
    some = given[0]
    assert some is not None
    return [
        some.new_empty(part.shape if need and part is not None else (0,))
        for part, need in zip(given, needed, strict=True)
    ]


@recurrence.register_fake
def _(cell, reverse, train, tokens, lengths, mask, x, h0, c0, w_ih, w_hh, *rest):  # type: ignore[no-untyped-def]
    outputs, h_n, c_n = results_like(x, tokens, h0, c0)
    if not train:
        return outputs, h_n, c_n, x.new_empty(0)
    steps, batch, hidden = map(int, outputs.shape)
    size = _core.saved_size(  # type: ignore[union-attr]
        cell,
        steps,
        batch,
        hidden,
        None if tokens is None else int(x.shape[0]),
        rest[2] is not None,
        rest[4] is not None,
    )
    return outputs, h_n, c_n, x.new_empty(size)


@recurrence_backward.register_fake
def _(cell, reverse, needed, tokens, lengths, mask, *tensors):  # type: ignore[no-untyped-def]
    return gradients_like(tensors[:11], needed)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    cell, reverse, _, *tensors = inputs
    outputs, _, _, saved = output
    ctx.cell, ctx.reverse = cell, reverse
    ctx.save_for_backward(*tensors, outputs, saved)
    ctx.mark_non_differentiable(saved)
    ctx.set_materialize_grads(False)


def _differentiate(ctx: Any, d_outputs: Any, d_h_n: Any, d_c_n: Any, _: Any) -> tuple[Any, ...]:
    needed = list(ctx.needs_input_grad[6:])
    saved = ctx.saved_tensors
    made = recurrence_backward(ctx.cell, ctx.reverse, needed, *saved, d_outputs, d_h_n, d_c_n)
    grads = (grad if need else None for grad, need in zip(made, needed, strict=True))
    return (None,) * 6 + tuple(grads)


recurrence.register_autograd(_differentiate, setup_context=_keep)


def _refuse_twice(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
    raise LaminaError(
        "the native kernel can be differentiated once only; use backend='reference' to "
        "differentiate twice"
    )


recurrence_backward.register_autograd(_refuse_twice)
