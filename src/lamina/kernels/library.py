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

import torch
from torch import Tensor

from lamina.kernels.request import Weights, look_up, transform, valid_steps
from lamina.spec import Activation, CellKind

#: Far enough for the logistic function to be exactly 0 or 1 in every dtype, near enough for
#: half precision to hold it.
SATURATED = 1e4


def refuses(weights: Weights, recurrent_mask: Tensor | None) -> str | None:
    """Why this kernel cannot take a request, or ``None`` if it can."""
    if weights.norm is not None:
        return "torch has no layer-normalised recurrence"
    if recurrent_mask is not None:
        return "torch has no dropout inside the recurrence"
    if name := transform():  # some cells know some of them
        return f"does not know {name}"
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
    steps, batch = (x if tokens is None else tokens).shape[:2]
    if steps == 0 or batch == 0:  # torch refuses both
        return x.new_zeros((steps, batch, state[0].shape[1])), state
    x, weights = as_product(x, tokens, lengths, weights)
    if lengths is None:
        order = torch.arange(steps - 1, -1, -1, device=x.device) if reverse else None
        outputs, state = run(cell, x if order is None else x[order], state, weights, activation)
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
    if cell == "lstm":
        x, weights = freeze_ended(x, valid, weights)
    outputs, (_, *memory) = run(cell, x, state, weights, activation)
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
    rows = weights.w_hh.shape[0]
    hidden = rows // 4
    column = x.new_zeros((rows, 1))
    column[:hidden] = -SATURATED  # input gate
    column[hidden : 2 * hidden] = SATURATED  # forget gate
    x = torch.cat((x, (~valid).to(x.dtype)), dim=2)
    return x, weights._replace(w_ih=torch.cat((weights.w_ih, column), dim=1))


def run(
    cell: CellKind,
    x: Tensor,
    state: tuple[Tensor, ...],
    weights: Weights,
    activation: Activation,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One dense layer through torch. ``x`` ``(T, B, I)``, state parts ``(B, H)``."""
    assert weights.w_ih is not None
    biases = () if weights.b_ih is None or weights.b_hh is None else (weights.b_ih, weights.b_hh)
    projection = () if weights.w_hr is None else (weights.w_hr,)
    parameters = [weights.w_ih, weights.w_hh, *biases, *projection]
    # arguments: has_biases, num_layers, dropout, train, bidirectional, batch_first
    options = (bool(biases), 1, 0.0, torch.is_grad_enabled(), False, False)
    if cell == "lstm":
        initial = [part[None].contiguous() for part in state]
        outputs, h, c = torch._VF.lstm(x, initial, parameters, *options)
        return outputs, (h[0], c[0])
    function = torch._VF.gru if cell == "gru" else getattr(torch._VF, f"rnn_{activation}")
    outputs, h = function(x, state[0][None].contiguous(), parameters, *options)
    return outputs, (h[0],)
