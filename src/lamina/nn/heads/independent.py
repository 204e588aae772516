"""Labels that are chosen each on its own: a softmax at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lamina.kernels import check_lengths, valid_steps


class Independent(nn.Module):
    """The loss and the best labels where no label depends on another; nothing to learn.

    Args:
        labels: how many there are, ``K``.
    """

    def __init__(self, labels: int):
        super().__init__()

    def loss(self, scores: Tensor, labels: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``-log p`` of the labels, in nats, summed: as :meth:`lamina.nn.CRF.loss`."""
        if lengths is not None:
            lengths = check_lengths(lengths, *labels.shape)
            padded = ~valid_steps(lengths, len(labels), labels.device)
            labels = labels.masked_fill(padded, -1)
            scores = scores.masked_fill(padded[:, :, None], 0.0)
        labels = labels.clamp(min=-1)
        return cross_entropy(
            scores.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="sum"
        )

    @torch.no_grad()
    def decode(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The most probable labels: as :meth:`lamina.nn.CRF.decode`."""
        best = scores.argmax(dim=2)
        if lengths is None:
            return best
        lengths = check_lengths(lengths, *best.shape)
        return best.masked_fill(~valid_steps(lengths, len(best), best.device), 0)
