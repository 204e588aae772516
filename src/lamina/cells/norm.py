"""The two products of a cell, ``W x`` and ``U h``, with bias, mask and layer normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.cells.weights import LayerNormGains, Weights

if TYPE_CHECKING:
    from torch import Tensor

LAYER_NORM_EPS = 1e-5


def project(x: Tensor, w: Tensor | None, b: Tensor | None, gain: Tensor | None) -> Tensor:
    """``W x + b``, or ``LN(W x; gain, b)``; ``x`` is ``W x`` already where ``w`` is ``None``."""
    wx = x if w is None else x @ w.T  # (..., G*H)
    if gain is not None:
        return _layer_norm(wx, gain, b)
    return wx if b is None else wx + b


def recur(h: Tensor, weights: Weights, mask: Tensor | None, rows: slice | None = None) -> Tensor:
    """``U (m ∘ h) + b``, ``(B, G*H)``, or with ``rows`` the block of some gates alone.

    The mask is the same at every step of a sequence: Gal and Ghahramani (2016), equation 7. With
    layer normalisation this is ``LN(U (m ∘ h); gain, b)``, over the gates that are computed. Where
    ``U`` is diagonal, this is ``u ∘ (m ∘ h)``.
    """
    w, b, gain = weights.w_hh, weights.b_hh, weights.norm.hh if weights.norm else None
    if rows is not None:
        w, b, gain = (None if part is None else part[rows] for part in (w, b, gain))
    h = h if mask is None else h * mask
    return h * w if w is not None and w.dim() == 1 else project(h, w, b, gain)


def normalise_memory(c: Tensor, norm: LayerNormGains | None) -> Tensor:
    """``LN(c_t)`` of the layer-normalised LSTM; ``c_t`` itself otherwise."""
    if norm is None or norm.c is None:
        return c
    return _layer_norm(c, norm.c, norm.c_shift)


def _layer_norm(x: Tensor, gain: Tensor, shift: Tensor | None) -> Tensor:
    from torch.nn.functional import layer_norm  # here, so that the table of cells loads no torch

    return layer_norm(x, gain.shape, gain, shift, LAYER_NORM_EPS)
