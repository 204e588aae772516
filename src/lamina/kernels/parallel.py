"""All steps at once, for cells that are linear in their state: ``h_t = a_t ∘ h_{t-1} + b_t``.

Two such steps are one: ``(a', b') ∘ (a, b) = (a' a, a' b + b')``, and this product is associative,
so that the steps are taken in pairs, the pairs in pairs, and so on: about ``log2 T`` rounds, and
``2 T`` products (Blelloch 1990, *Prefix Sums and Their Applications*). Where ``a`` is in [0, 1],
no product grows: it is as exact in float32 as the loop.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lamina.cells import LinearCell
from lamina.kernels.reference import loops, projected
from lamina.kernels.request import Request


def refuses(request: Request) -> str | None:
    """Why this kernel cannot run a request, or ``None`` if it can."""
    if not (isinstance(request.cell, LinearCell) and request.cell.scans):
        return f"the cell {request.cell.name!r} is not linear in its state"
    return loops()


def scan(request: Request) -> tuple[Tensor, tuple[Tensor, ...]]:
    """See :func:`lamina.kernels.scan`."""
    assert isinstance(request.cell, LinearCell)
    (h,) = request.state
    wx, valid = projected(request)
    if request.reverse:
        wx, valid = wx.flip(0), None if valid is None else valid.flip(0)
    a, b = request.cell.linear(wx)
    if valid is not None:  # a padded step keeps the state
        a, b = a.masked_fill(~valid, 1.0), b.masked_fill(~valid, 0.0)
    if not len(a):
        return b, (h,)
    outputs = linear_scan(a, torch.cat((b[:1] + a[:1] * h, b[1:])))
    h = outputs[-1]
    if valid is not None:
        outputs = outputs.masked_fill(~valid, 0.0)
    return (outputs.flip(0) if request.reverse else outputs), (h,)


def linear_scan(a: Tensor, b: Tensor) -> Tensor:
    """``h_t = a_t ∘ h_{t-1} + b_t`` along the first axis, from ``h_{-1} = 0``."""
    steps = len(a)
    if steps < 2:
        return b
    first, second = slice(0, steps // 2 * 2, 2), slice(1, None, 2)
    odd = linear_scan(a[second] * a[first], a[second] * b[first] + b[second])
    even = torch.cat((b[:1], a[2::2] * odd[: (steps - 1) // 2] + b[2::2]))
    both = torch.stack((even[: len(odd)], odd), dim=1).flatten(0, 1)
    return both if steps % 2 == 0 else torch.cat((both, even[-1:]))
