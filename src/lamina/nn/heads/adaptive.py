"""Scores for many tokens, most of them rare."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from lamina.spec import LaminaError


class AdaptiveSoftmax(nn.Module):
    """Log-probabilities of ``V`` tokens, the frequent ones first (Grave et al. 2017).

    The first ``cutoffs[0]`` tokens, and one entry for each further cluster, are scored by a map
    of full size; the tokens of cluster ``i`` by one through ``inputs / 4**i`` units, and only
    for the targets that lie in it. Its tables can serve as the embedding too (:meth:`embed`).

    Args:
        inputs:  size ``H`` of what is scored.
        tokens:  ``V``.
        cutoffs: where clusters begin, rising; those beyond the vocabulary are left out.

    Raises:
        LaminaError: no cutoff lies within the vocabulary, or more than ``inputs`` has room for.
    """

    def __init__(self, inputs: int, tokens: int, cutoffs: tuple[int, ...]):
        super().__init__()
        inside = [cutoff for cutoff in cutoffs if cutoff < tokens - 1]
        if not inside:
            raise LaminaError(
                f"cutoffs are {cutoffs}, the vocabulary has {tokens} tokens; need one below "
                f"{tokens - 1}, or softmax='full'"
            )
        if 4 ** len(inside) > inputs:
            raise LaminaError(
                f"{len(inside)} cutoffs lie within the vocabulary, and the width is {inputs}; need "
                f"a width of {4 ** len(inside)} at least, or fewer cutoffs"
            )
        self.clusters = nn.AdaptiveLogSoftmaxWithLoss(inputs, tokens, inside, div_value=4.0)

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, H)`` -> log-probabilities ``(T, B, V)``."""
        return self.clusters.log_prob(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy in nats of ``targets`` ``(T, B)`` after ``x`` ``(T, B, H)``."""
        return self.clusters(x.flatten(0, 1), targets.flatten()).loss

    def embed(self, tokens: Tensor) -> Tensor:
        """A vector for each token ``(...)`` from the tables that score it, ``(..., H)``: the
        adaptive input representations of Baevski and Auli (2019), section 3, with all weights
        shared.

        A token of the first cluster is its row of the map of full size; one of cluster ``i`` is
        its row of ``H / 4**i`` numbers, times the map that makes such rows of ``x``, transposed.
        """
        flat = tokens.flatten()
        frequent = self.clusters.head.weight[: self.clusters.shortlist_size]
        # Rare tokens read row 0 here and are then written over.
        x = embedding(torch.where(flat < len(frequent), flat, 0), frequent)
        for number, tail in enumerate(self.clusters.tail):
            first, end = self.clusters.cutoffs[number : number + 2]
            where = ((flat >= first) & (flat < end)).nonzero()[:, 0]
            down, table = tail.parameters()  # (H / 4**i, H), (tokens, H / 4**i)
            x = x.index_copy(0, where, (embedding(flat[where] - first, table) @ down).to(x.dtype))
        return x.unflatten(0, tokens.shape)
