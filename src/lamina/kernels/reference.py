"""The recurrences as the papers write them: one line an equation, in plain torch.

This file is the definition of truth. It works in any dtype and on any device, can be
differentiated twice, and takes every option; the other kernels are measured against it.

``x_t`` is the input of a step, ``h`` the output of the step before, ``c`` the memory cell;
``σ`` is the logistic function and ``∘`` the product by element. ``W`` is ``w_ih``, ``U`` is
``w_hh``. A *projection* ``W x_t`` is made for all steps at once, before the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from lamina.kernels.request import LayerNormGains, Weights, look_up, valid_steps
from lamina.spec import Activation, CellKind

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}

LAYER_NORM_EPS = 1e-5


def refuses(weights: Weights, recurrent_mask: Tensor | None) -> str | None:
    """Why this kernel cannot take a request, or ``None``: it takes every one."""
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
    if tokens is not None:
        x = look_up(x, tokens, lengths)  # (V, I) -> (T, B, I)
    steps = x.shape[0]
    valid = None
    if lengths is not None:
        valid = valid_steps(lengths, steps, x.device)[:, :, None]  # (T, B, 1)
        x = x.masked_fill(~valid, 0.0)  # padding may hold anything, also what is not a number

    rnn = partial(rnn_step, ACTIVATIONS[activation])
    step = {"rnn": rnn, "gru": gru_step, "lstm": lstm_step}[cell]
    wx = project(x, weights.w_ih, weights.b_ih, weights.norm.ih if weights.norm else None)
    outputs: list[Tensor] = [wx] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        new = step(wx[t], state, weights, recurrent_mask)
        if valid is None:
            state, outputs[t] = new, new[0]
        else:
            state = tuple(torch.where(valid[t], a, b) for a, b in zip(new, state, strict=True))
            outputs[t] = new[0].masked_fill(~valid[t], 0.0)
    return (torch.stack(outputs) if steps else x.new_zeros((0, *state[0].shape))), state


def rnn_step(
    f: Callable[[Tensor], Tensor],
    wx: Tensor,
    state: tuple[Tensor, ...],
    weights: Weights,
    mask: Tensor | None,
) -> tuple[Tensor]:
    """Elman (1990). ``wx`` ``(B, H)``, state ``(h,)``."""
    (h,) = state
    uh = recur(h, weights, mask)
    h = f(wx + uh)  # h_t = f(W x_t + U h + b)
    return (h,)


def gru_step(
    wx: Tensor, state: tuple[Tensor, ...], weights: Weights, mask: Tensor | None
) -> tuple[Tensor]:
    """Cho et al. (2014) with the reset gate after the product: the form of cuDNN, of torch and of
    Keras (``reset_after=True``). ``wx`` ``(B, 3H)`` gates r z n, state ``(h,)``.

    The first version of the paper resets before the product, ``U (r ∘ h)``; that one cannot be
    computed with one matrix product a step.
    """
    (h,) = state
    w_r, w_z, w_n = wx.chunk(3, dim=1)
    u_r, u_z, u_n = recur(h, weights, mask).chunk(3, dim=1)
    r = torch.sigmoid(w_r + u_r)  # r = σ(W_r x_t + U_r h + b_r)
    z = torch.sigmoid(w_z + u_z)  # z = σ(W_z x_t + U_z h + b_z)
    n = torch.tanh(w_n + r * u_n)  # n = tanh(W_n x_t + b_n + r ∘ (U_n h + b'_n))
    h = (1 - z) * n + z * h  # h_t = (1 - z) ∘ n + z ∘ h
    return (h,)


def lstm_step(
    wx: Tensor, state: tuple[Tensor, ...], weights: Weights, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000), no peepholes.
    ``wx`` ``(B, 4H)`` gates i f g o, state ``(h, c)``.

    With ``weights.norm``: Ba, Kiros and Hinton (2016), equations 20-22. With ``weights.w_hr``:
    Sak, Senior and Beaufays (2014), equation 7.
    """
    h, c = state
    i, forget, g, o = (wx + recur(h, weights, mask)).chunk(4, dim=1)
    i = torch.sigmoid(i)  # i = σ(W_i x_t + U_i h + b_i)
    forget = torch.sigmoid(forget)  # f = σ(W_f x_t + U_f h + b_f)
    g = torch.tanh(g)  # g = tanh(W_g x_t + U_g h + b_g)
    o = torch.sigmoid(o)  # o = σ(W_o x_t + U_o h + b_o)
    c = forget * c + i * g  # c_t = f ∘ c + i ∘ g
    h = o * torch.tanh(normalise_memory(c, weights.norm))  # h_t = o ∘ tanh(c_t)
    if weights.w_hr is not None:
        h = h @ weights.w_hr.T  # h_t = W_hr h_t
    return h, c


def project(x: Tensor, w: Tensor | None, b: Tensor | None, gain: Tensor | None) -> Tensor:
    """``W x + b``, or ``LN(W x; gain, b)``; ``x`` is ``W x`` already where ``w`` is ``None``."""
    wx = x if w is None else x @ w.T  # (..., G*H)
    if gain is not None:
        return layer_norm(wx, gain.shape, gain, b, LAYER_NORM_EPS)
    return wx if b is None else wx + b


def recur(h: Tensor, weights: Weights, mask: Tensor | None) -> Tensor:
    """``U (m ∘ h) + b``, ``(B, G*H)``. The mask is the same at every step of a sequence: Gal and
    Ghahramani (2016), equation 7."""
    gain = weights.norm.hh if weights.norm else None
    return project(h if mask is None else h * mask, weights.w_hh, weights.b_hh, gain)


def normalise_memory(c: Tensor, norm: LayerNormGains | None) -> Tensor:
    """``LN(c_t)`` of the layer-normalised LSTM; ``c_t`` itself otherwise."""
    if norm is None or norm.c is None:
        return c
    return layer_norm(c, norm.c.shape, norm.c, norm.c_shift, LAYER_NORM_EPS)
