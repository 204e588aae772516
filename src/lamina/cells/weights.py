"""The weights of one layer in one direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class LayerNormGains(NamedTuple):
    """Gains of a layer-normalised cell; the shifts are the cell's own biases.

    Attributes:
        ih: ``(G*H,)``, of ``W x``.
        hh: ``(G*H,)``, of ``U h``; ``None`` for a cell whose ``U`` is no matrix.
        c: ``(H,)``, of the memory on its way out, for a cell that normalises it (an LSTM).
        c_shift: ``(H,)``, its shift.
    """

    ih: Tensor
    hh: Tensor | None = None
    c: Tensor | None = None
    c_shift: Tensor | None = None


class Weights(NamedTuple):
    """The weights of one layer in one direction, in torch's layout and gate order.

    Attributes:
        w_ih: ``(G*H, I)``, or ``None`` where the input arrives projected, as ``(T, B, G*H)``, or as
            a table ``(V, G*H)`` that tokens pick from.
        w_hh: ``U``: ``(G*H, P)``, where ``P`` is the size of the output, ``H`` if there is no
            ``w_hr``; ``(G*H,)`` for a cell with a diagonal recurrence; ``None`` for one without.
        b_ih: ``(G*H,)``, or ``None``.
        b_hh: ``(G*H,)``, with ``b_ih``; ``None`` for a cell whose ``U`` is no matrix.
        w_hr: ``(P, H)``, LSTM only: the output is ``w_hr h`` (Sak, Senior and Beaufays 2014).
        norm: gains of layer normalisation inside the cell, or ``None``.

    The order of the gates is the cell's: an LSTM has ``i f g o``, a GRU ``r z n``.
    """

    w_ih: Tensor | None
    w_hh: Tensor | None
    b_ih: Tensor | None = None
    b_hh: Tensor | None = None
    w_hr: Tensor | None = None
    norm: LayerNormGains | None = None

    def to(self, dtype: torch.dtype) -> Weights:
        """The same weights in another dtype."""

        def cast(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.to(dtype)

        norm = self.norm and LayerNormGains(*map(cast, self.norm))  # type: ignore[arg-type]
        return Weights(*map(cast, self[:5]), norm)  # type: ignore[arg-type]

    def tensors(self) -> tuple[Tensor, ...]:
        """All that are present, flat."""
        parts = [*self[:5], *(self.norm or ())]
        return tuple(part for part in parts if part is not None)
