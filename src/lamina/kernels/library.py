"""torch's own fused recurrences (oneDNN or ATen on the CPU, cuDNN on a GPU), where they are the
same function as :mod:`lamina.kernels.reference`.

What torch lacks is lengths without a packed sequence, and packed sequences are slow on a CPU. Here
the batch runs dense, and three small things make that exact:

* The output at a padded step is set to zero, and the last valid output is the final ``h``.
* The final ``c`` of an LSTM is not among the outputs, so the memory is frozen where a sequence
  has ended: one more input column is 1 at padded steps, and its weight opens the forget gate and
  shuts the input gate so far that the logistic function is 1 and 0 exactly: ``c_t = 1 c + 0 g``.
* A reverse scan turns each sequence round within its own length.

An input that is projected already meets the matrix that torch always multiplies by: see
:func:`as_product`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lamina.cells import GRU, LSTM, RNN, Activation, Cell, Weights
from lamina.kernels import private
from lamina.kernels.given import valid_steps
from lamina.kernels.request import Request, look_up, transform

#: Far enough for the logistic function to be exactly 0 or 1 in every dtype, near enough for
#: half precision to hold it.
SATURATED = 1e4


#: The cells that torch computes as lamina does; a subclass of one may compute anything.
KNOWN: Mapping[type[Cell], str] = {RNN: "rnn", GRU: "gru", LSTM: "lstm"}


def fused_name(cell: Cell, activation: Activation) -> str | None:
    """What torch, and the core after it, call a cell with its activation; ``None``: unknown."""
    name = KNOWN.get(type(cell))
    return f"rnn_{activation}" if name == "rnn" else name


def refuses(request: Request) -> str | None:
    """Why this kernel cannot run a request, or ``None`` if it can."""
    if fused_name(request.cell, request.activation) is None:
        return f"torch has no recurrence of the cell {request.cell.name!r}"
    if request.weights.norm is not None:
        return "torch has no layer-normalised recurrence"
    if request.recurrent_mask is not None:
        return "torch has no dropout inside the recurrence"
    if name := transform():  # some cells know some of them
        return f"does not know {name}"
    return None


def scan(request: Request) -> tuple[Tensor, tuple[Tensor, ...]]:
    """See :func:`lamina.kernels.scan`."""
    state, lengths, reverse = request.state, request.lengths, request.reverse
    steps, batch = request.steps, request.batch
    if steps == 0 or batch == 0:  # torch refuses both
        return request.x.new_zeros((steps, batch, state[0].shape[1])), state
    kind = fused_name(request.cell, request.activation)
    assert kind is not None
    x, weights = as_product(request.x, request.tokens, lengths, request.weights)
    if lengths is None:
        order = torch.arange(steps - 1, -1, -1, device=x.device) if reverse else None
        outputs, state = run(kind, x if order is None else x[order], state, weights)
        return (outputs if order is None else outputs[order]), state

    valid = valid_steps(lengths, steps, x.device)[:, :, None]  # (T, B, 1)
    last = lengths.to(x.device, non_blocking=True) - 1  # (B,)
    member = torch.arange(batch, device=x.device)
    order = torch.arange(steps, device=x.device)[:, None]  # (T, 1)
    if reverse:
        order = torch.where(valid[:, :, 0], last - order, order)  # (T, B)
    x = x.masked_fill(~valid, 0.0)
    if reverse:
        x = x[order, member]
    if kind == "lstm":
        x, weights = freeze_ended(x, valid, weights)
    outputs, (_, *memory) = run(kind, x, state, weights)
    h = outputs[last, member]
    if reverse:
        outputs = outputs[order, member]
    return outputs.masked_fill(~valid, 0.0), (h, *memory)


def as_product(
    x: Tensor, tokens: Tensor | None, lengths: Tensor | None, weights: Weights
) -> tuple[Tensor, Weights]:
    """Any input of :func:`lamina.kernels.scan` as ``x`` ``(T, B, I)`` and a matrix ``w_ih``.

    What is projected already is multiplied by an identity: the one of the gates, or, for a table of
    few rows, the one of the rows, of which each token picks one; the table is then the matrix.
    """
    w_ih = weights.w_ih
    if w_ih is None:
        rows, width = x.shape[0], x.shape[-1]
        if tokens is not None and rows <= width:
            x, w_ih = torch.eye(rows, dtype=x.dtype, device=x.device), x.T
        else:
            w_ih = torch.eye(width, dtype=x.dtype, device=x.device)
    if tokens is not None:
        x = look_up(x, tokens, lengths)
    return x, weights._replace(w_ih=w_ih)


def freeze_ended(x: Tensor, valid: Tensor, weights: Weights) -> tuple[Tensor, Weights]:
    """``x`` with the column that says "ended", and weights that then keep an LSTM's memory."""
    assert weights.w_ih is not None
    assert weights.w_hh is not None
    rows = weights.w_hh.shape[0]
    hidden = rows // 4
    column = x.new_zeros((rows, 1))
    column[:hidden] = -SATURATED  # input gate
    column[hidden : 2 * hidden] = SATURATED  # forget gate
    x = torch.cat((x, (~valid).to(x.dtype)), dim=2)
    return x, weights._replace(w_ih=torch.cat((weights.w_ih, column), dim=1))


def run(
    kind: str, x: Tensor, state: tuple[Tensor, ...], weights: Weights
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One dense layer through torch. ``x`` ``(T, B, I)``, state parts ``(B, H)``."""
    initial = [part[None].contiguous() for part in state]
    outputs, *final = private.dense_layer(kind, x, initial, list(weights.tensors()))
    return outputs, tuple(part[0] for part in final)
