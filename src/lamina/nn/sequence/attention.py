"""Attention: what to look at in a sequence of outputs, asked anew at every step of another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lamina.kernels import check_lengths, valid_steps
from lamina.spec import LaminaError


class Memory(NamedTuple):
    """What is looked at, prepared once for all steps that ask.

    keys:   ``(B, S, A)``, what a query is compared with.
    values: ``(B, S, M)``, zero at padded steps.
    valid:  ``(B, 1, S)`` bool, or ``None``: every step is.
    """

    keys: Tensor
    values: Tensor
    valid: Tensor | None


class _Attention(nn.Module):
    """``a = softmax(e(query, key_s))`` over the valid steps ``s``; the context is their sum."""

    key: nn.Linear

    def prepare(self, outputs: Tensor, lengths: Tensor | None = None) -> Memory:
        """``outputs`` ``(S, B, M)`` as they are asked; what padded steps hold is not read."""
        valid = None
        if lengths is not None:
            lengths = check_lengths(lengths, *outputs.shape[:2])
            steps = valid_steps(lengths, outputs.shape[0], outputs.device)  # (S, B)
            outputs = outputs.masked_fill(~steps[:, :, None], 0.0)  # 0 * nan would be nan
            valid = steps.T[:, None]
        values = outputs.transpose(0, 1)
        return Memory(self.key(values), values, valid)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Queries ``(T, B, Q)`` -> contexts ``(T, B, M)`` and weights ``(T, B, S)``.

        The weight of a padded step is exactly zero.
        """
        scores = self.scores(queries.transpose(0, 1), memory.keys)  # (B, T, S)
        if memory.valid is not None:
            scores = scores.masked_fill(~memory.valid, -torch.inf)
        weights = torch.softmax(scores, dim=2)
        contexts = torch.bmm(weights, memory.values)
        return contexts.transpose(0, 1), weights.transpose(0, 1)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """``(B, T, Q)`` and ``(B, S, A)`` -> ``(B, T, S)``."""
        raise NotImplementedError


class Additive(_Attention):
    """Bahdanau et al. (2015), *Neural Machine Translation by Jointly Learning to Align and
    Translate*, appendix A.1.2: ``e = v · tanh(W q + U h_s)``, with ``A = Q``."""

    def __init__(self, queries: int, outputs: int):
        super().__init__()
        self.key = nn.Linear(outputs, queries)
        self.query = nn.Linear(queries, queries, bias=False)
        self.energy = nn.Linear(queries, 1, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :class:`_Attention`; ``(B, T, S, A)`` numbers are in memory meanwhile."""
        joined = torch.tanh(self.query(queries)[:, :, None] + keys[:, None])
        return self.energy(joined)[..., 0]


class Multiplicative(_Attention):
    """Luong et al. (2015), *Effective Approaches to Attention-based Neural Machine Translation*,
    equation 8, general, with the scale of Vaswani et al. (2017), equation 1:
    ``e = q · W h_s / sqrt(A)``, with ``A = Q``. Without it, the softmax saturates in the first
    hundred steps, always on one place, and no gradient leads back."""

    def __init__(self, queries: int, outputs: int):
        super().__init__()
        self.key = nn.Linear(outputs, queries, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :class:`_Attention`."""
        return torch.bmm(queries, keys.transpose(1, 2)) / queries.shape[2] ** 0.5


#: Name -> ``attention(queries, outputs)``.
ATTENTIONS: dict[str, type[_Attention]] = {"additive": Additive, "multiplicative": Multiplicative}


def attention(name: str, queries: int, outputs: int) -> _Attention:
    """The attention of that name, for queries of size ``Q`` and outputs of size ``M``.

    Raises:
        LaminaError: there is no such attention.
    """
    if name not in ATTENTIONS:
        raise LaminaError(f"got attention {name!r}; need one of {', '.join(ATTENTIONS)}")
    return ATTENTIONS[name](queries, outputs)
