"""Dropout masks, drawn from a generator that the caller may give."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding


def mask(
    shape: tuple[int, ...], p: float, like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """0 with probability ``p``, else ``1 / (1 - p)``: the mean of what it multiplies stays."""
    keep = torch.empty(shape, dtype=like.dtype, device=like.device)
    return keep.bernoulli_(1 - p, generator=generator).div_(1 - p)


def plain(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """Each element of ``x`` ``(T, B, H)`` on its own: Zaremba et al. (2014)."""
    return x * mask(tuple(x.shape), p, x, generator)


def locked(x: Tensor, p: float, generator: torch.Generator | None = None) -> Tensor:
    """One mask ``(1, B, H)`` for all steps of a sequence: Gal and Ghahramani (2016)."""
    return x * mask((1, *x.shape[1:]), p, x, generator)


#: The values of ``StackOptions.dropout_kind``.
KINDS = {"plain": plain, "locked": locked}


def drop(x: Tensor, p: float, kind: str, *, training: bool) -> Tensor:
    """Dropout of ``x`` ``(T, B, ...)`` by the name of its kind; nothing outside training."""
    return KINDS[kind](x, p) if training and p else x


def drop_rows(
    table: Tensor, tokens: Tensor, p: float, kind: str, *, training: bool, p_rows: float = 0.0
) -> tuple[Tensor, Tensor | None]:
    """``x`` and ``tokens`` for a stack that reads rows of ``table`` ``(V, I)`` under dropout.

    A row that is dropped is another one at each place where its token ``(T, B)`` stands, so rows
    are looked up first in training; else the kernel does it, once for each token.

    p:      of each number of ``x``, in the way of ``kind``.
    p_rows: of a token: its row is zero wherever it stands (Merity et al. 2018, section 4.3).
    """
    if not training or not (p or p_rows):
        return table, tokens
    return drop_embedded(embedding(tokens, table), tokens, p, kind, len(table), p_rows), None


def drop_embedded(
    x: Tensor, tokens: Tensor, p: float, kind: str, size: int, p_rows: float
) -> Tensor:
    """Dropout in training on the vectors ``x`` ``(T, B, I)`` of ``tokens`` ``(T, B)``, of which
    there are ``size`` kinds; see :func:`drop_rows`."""
    if p_rows:
        x = x * mask((size, 1), p_rows, x, None)[tokens]
    return drop(x, p, kind, training=True)


def drop_words(tokens: Tensor, p: float, unknown: int, *, training: bool) -> Tensor:
    """Each of the tokens ``(T, B)`` is ``unknown`` with probability ``p``: Iyyer et al. (2015),
    *Deep Unordered Composition*, section 3, who leave the word out; here its place stays."""
    if not (training and p):
        return tokens
    gone = torch.empty(tokens.shape, device=tokens.device).bernoulli_(p).bool()
    return tokens.masked_fill(gone, unknown)
