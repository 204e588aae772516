"""The recurrences of lamina's own core, ``csrc/``: float32 on a CPU.

The two passes are custom operators of torch, ``lamina::recurrence`` and
``lamina::recurrence_backward``, so that autograd, ``torch.compile`` and ``torch.export`` know them.
``docs/performance.md`` says how the core works and how fast it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import dlpack

from lamina.kernels import private, threads
from lamina.kernels.library import fused_name
from lamina.kernels.request import Request, look_up, transform
from lamina.kernels.twice import gradients_of_gradients

try:
    from lamina.kernels import _core
except ImportError as error:
    _core = None
    MISSING = (
        f"the core cannot be loaded ({error})"
        if "_core" not in str(error)
        else ("the core was not built, because there was no C++ compiler when lamina was installed")
    )


#: Numbers from which on a tensor is made in memory of the core: torch gives it back to the system
#: when it is freed, and fresh pages cost as much time as a fifth of the arithmetic.
LARGE = 1 << 14


def refuses(request: Request) -> str | None:
    """Why this kernel cannot run a request, or ``None`` if it can."""
    x, mask = request.x, request.recurrent_mask
    if fused_name(request.cell, request.activation) is None:
        return f"the core does not know the cell {request.cell.name!r}"
    if _core is None:
        return MISSING
    if x.device.type != "cpu":
        return f"runs on the cpu only, not on {x.device.type}"
    if x.dtype != torch.float32:
        return f"computes in float32 only, not in {str(x.dtype).removeprefix('torch.')}"
    if request.weights.w_hr is not None:
        return "has no projection of the output"
    if mask is not None and mask.requires_grad:
        return "makes no gradient of the recurrent mask"
    if name := transform():
        return f"does not know {name}"
    if private.tracing():
        return "torch.jit.trace should record operators of torch alone"
    return None


def scan(request: Request) -> tuple[Tensor, tuple[Tensor, ...]]:
    """See :func:`lamina.kernels.scan`."""
    x, tokens, lengths, weights = request.x, request.tokens, request.lengths, request.weights
    if tokens is not None and not x.is_contiguous() and len(x) > tokens.numel():
        # The core wants rows that are contiguous. Of a large table, such as a transposed weight
        # matrix, a look-up copies less than the whole.
        x, tokens = look_up(x, tokens, lengths), None
    h0, c0 = (*request.state, None)[:2]
    given = (x, h0, c0, *weights[:4], *(weights.norm or (None,) * 4))
    train = torch.is_grad_enabled() and any(
        part is not None and part.requires_grad for part in given
    )
    outputs, h_n, c_n, _ = recurrence(
        fused_name(request.cell, request.activation),
        request.reverse,
        train,
        tokens,
        lengths,
        request.recurrent_mask,
        *given,
    )
    return outputs, ((h_n,) if c0 is None else (h_n, c_n))


library = torch.library.Library("lamina", "FRAGMENT")


def operator(kernel: Callable[..., Any]) -> Any:
    """Make ``torch.ops.lamina.<name>`` of a kernel for the CPU.

    ``torch.library.custom_op`` would do the same in one line, but its call costs as much time as
    a small layer.
    """
    name = kernel.__name__
    schema = torch.library.infer_schema(kernel, mutates_args=())
    library.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
    library.impl(name, kernel, "CPU")
    return getattr(torch.ops.lamina, name).default


@operator
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
    outputs, h_n, c_n = results_like(x, tokens, h0, c0, room)
    saved = room(x, (problem.saved_size if train else 0,))
    rooms = (outputs, h_n, None if c0 is None else c_n, saved if train else None)
    problem.forward(*map(array, rooms))
    return outputs, h_n, c_n, saved


@operator
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
    made = gradients_like(given, needed, room)
    rooms = [grad if need else None for grad, need in zip(made, needed, strict=True)]
    problem.backward(*map(array, (outputs, saved, d_outputs, d_h_n, d_c_n, *rooms)))
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
    tensors = (given[0], tokens, lengths, *given[1:], mask)
    return _core.Recurrence(cell, reverse, threads.count(), *map(array, tensors))  # type: ignore[union-attr]


def array(tensor: Tensor | None) -> Any:
    """A tensor as the core takes it. What is contiguous is shared, else copied."""
    if tensor is None:
        return None
    return dlpack.to_dlpack(tensor.contiguous())  # pyright: ignore[reportPrivateImportUsage]


Empty = Callable[[Tensor, tuple[int, ...]], Tensor]


def torchs(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A new tensor as torch makes it, of any numbers; for tensors without data, too."""
    return like.new_empty(shape)


def room(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A new tensor of any numbers; a large one in memory of the core, which keeps what is freed."""
    if math.prod(shape) < LARGE:
        return like.new_empty(shape)
    capsule = _core.room(shape)  # type: ignore[union-attr]
    return dlpack.from_dlpack(capsule)  # pyright: ignore[reportPrivateImportUsage]


def results_like(
    x: Tensor, tokens: Tensor | None, h0: Tensor, c0: Tensor | None, empty: Empty
) -> tuple[Tensor, Tensor, Tensor]:
    """Room for the outputs and the final state."""
    steps, batch = (x if tokens is None else tokens).shape[:2]
    hidden = h0.shape[1]
    c_n = x.new_empty((0,) if c0 is None else (batch, hidden))
    return empty(x, (steps, batch, hidden)), x.new_empty((batch, hidden)), c_n


def gradients_like(
    given: tuple[Tensor | None, ...], needed: list[bool], empty: Empty
) -> list[Tensor]:
    """Room for the gradients."""
    some = given[0]
    assert some is not None
    return [
        empty(some, part.shape if need and part is not None else (0,))
        for part, need in zip(given, needed, strict=True)
    ]


@torch.library.register_fake("lamina::recurrence", lib=library)
def _(cell, reverse, train, tokens, lengths, mask, x, h0, c0, w_ih, w_hh, *rest):  # type: ignore[no-untyped-def]
    outputs, h_n, c_n = results_like(x, tokens, h0, c0, torchs)
    if not train:
        return outputs, h_n, c_n, x.new_empty(0)
    if not all(type(n) is int for n in (*outputs.shape, x.shape[0])):
        # Sizes that stand for all sizes: the core's answer for one would make a graph for that one.
        return outputs, h_n, c_n, x.new_empty(torch.library.get_ctx().new_dynamic_size())
    steps, batch, hidden = outputs.shape
    size = _core.saved_size(  # type: ignore[union-attr]
        cell,
        steps,
        batch,
        hidden,
        None if tokens is None else x.shape[0],
        rest[2] is not None,
        rest[4] is not None,
    )
    return outputs, h_n, c_n, x.new_empty(size)


@torch.library.register_fake("lamina::recurrence_backward", lib=library)
def _(cell, reverse, needed, tokens, lengths, mask, *tensors):  # type: ignore[no-untyped-def]
    return gradients_like(tensors[:11], needed, torchs)


class _Recurrence(torch.autograd.Function):
    """:func:`recurrence`, with a backward pass."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:  # type: ignore[override]
        cell, reverse, _, *tensors = inputs
        with private.below_autograd():
            results = recurrence(*inputs)
        outputs, _, c_n, saved = results
        ctx.cell, ctx.reverse = cell, reverse
        ctx.save_for_backward(*tensors, outputs, saved)
        c0 = tensors[5]
        ctx.mark_non_differentiable(saved, *(() if c0 is not None else (c_n,)))
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    def backward(ctx: Any, d_outputs: Any, d_h_n: Any, d_c_n: Any, _: Any) -> tuple[Any, ...]:  # type: ignore[override]
        needed = list(ctx.needs_input_grad[6:])
        made = recurrence_backward(
            ctx.cell, ctx.reverse, needed, *ctx.saved_tensors, d_outputs, d_h_n, d_c_n
        )
        grads = (grad if need else None for grad, need in zip(made, needed, strict=True))
        return (None,) * 6 + tuple(grads)


class _RecurrenceBackward(torch.autograd.Function):
    """:func:`recurrence_backward`, with a backward pass: see :mod:`lamina.kernels.twice`."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:  # type: ignore[override]
        cell, reverse, needed, tokens, lengths, mask, *rest = inputs
        given, (_, _, *seeds) = rest[:11], rest[11:]
        ctx.cell, ctx.reverse, ctx.needed = cell, reverse, needed
        ctx.save_for_backward(tokens, lengths, mask, *given, *seeds)
        ctx.set_materialize_grads(False)
        with private.below_autograd():
            return tuple(recurrence_backward(*inputs))

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:  # type: ignore[override]
        tokens, lengths, mask, *rest = ctx.saved_tensors
        given, seeds = rest[:11], rest[11:]
        made = gradients_of_gradients(
            ctx.cell, ctx.reverse, tokens, lengths, mask, given, seeds, ctx.needed, cotangents
        )
        # Outputs and what the first pass saved follow from `given`, which has all of the gradient.
        return (None,) * 6 + (*made[:11], None, None, *made[11:])


def differentiable(operation: Any, function: type[torch.autograd.Function]) -> Any:
    """What autograd makes of an operator: ``function`` where a gradient may be asked for.

    Or a tangent, forwards: ``function`` refuses that. Below autograd it would be lost in silence.
    """

    def run(*inputs: Any) -> Any:
        if private.tangents() or (
            torch.is_grad_enabled()
            and any(isinstance(part, Tensor) and part.requires_grad for part in inputs)
        ):
            return function.apply(*inputs)
        with private.below_autograd():
            return operation(*inputs)

    return run


library.impl("recurrence", differentiable(recurrence, _Recurrence), "Autograd")
library.impl(
    "recurrence_backward", differentiable(recurrence_backward, _RecurrenceBackward), "Autograd"
)
