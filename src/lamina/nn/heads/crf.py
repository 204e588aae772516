"""Linear-chain conditional random field over label sequences.

Lafferty, McCallum and Pereira (2001), *Conditional Random Fields*: with scores ``s_t(k)`` of label
``k`` at step ``t`` and learned ``start``, ``transitions`` and ``end``, a path ``y`` has the score

    S(y) = start(y_1) + sum_t s_t(y_t) + sum_{t>1} transitions(y_{t-1}, y_t) + end(y_T)

and the probability ``exp(S(y)) / Z`` with ``Z`` the sum of ``exp(S)`` over all paths (their
equation 1; features as Lample et al. 2016, section 2.2, have them).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamina.kernels import check_lengths, valid_steps

#: Steps after which sums over paths are brought back near 0. They grow with time, and a float32
#: that has grown to a million tells apart no two labels that differ by less than 0.06.
_STEPS = 16


class CRF(nn.Module):
    """Start, transition and end scores of ``K`` labels, all zero at first: the loss and the best
    path of a batch.

    Args:
        labels: ``K``.
    """

    def __init__(self, labels: int):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(labels))
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.end = nn.Parameter(torch.zeros(labels))

    def loss(self, scores: Tensor, labels: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``-log p`` of the labels, in nats, summed over the batch.

        Args:
            scores:  ``(T, B, K)``; what stands at a step ``t >= length`` is not read.
            labels:  ``(T, B)``; a negative one is not known. Where some are not, it is the
                probability of all paths through those that are (Tsuboi et al. 2008, equation 3).
            lengths: ``(B,)`` whole numbers on the CPU (a tensor, an array or a list), each in
                ``1..T``; ``None``: all are ``T``.
        """
        scores, valid = _without_padding(scores, lengths)
        known = (labels >= 0) & valid
        other = torch.arange(scores.shape[2], device=labels.device) != labels[:, :, None]
        through = scores.masked_fill(other & known[:, :, None], -torch.inf)
        both = torch.stack((scores, through), dim=1)  # one pass over time for the two sums
        (whole, part), _ = self._forward(both, valid)
        return (whole - part).sum()  # what both were lowered by goes away

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``log Z`` of each member, ``(B,)``, by the forward recursion; ``scores`` and
        ``lengths`` as in :meth:`loss`."""
        scores, valid = _without_padding(scores, lengths)
        sums, lowered = self._forward(scores[:, None], valid)
        return sums[0] + lowered

    def _forward(self, scores: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over the paths of ``S`` sets of scores ``(T, S, B, K)``, ``(S, B)``, of which the
        first has every path; and by how much they are lowered, ``(B,)``, the same for each set."""
        alpha = self.start + scores[0]  # (S, B, K): log of the sum over paths that end in k
        lowered = scores.new_zeros(scores.shape[2], dtype=alpha.dtype)
        for t in range(1, len(scores)):
            through = alpha[..., None] + self.transitions  # (S, B, K before, K)
            step = torch.logsumexp(through, dim=2) + scores[t]
            alpha = torch.where(valid[t, :, None], step, alpha)
            if t % _STEPS == 0:
                top = alpha[0].detach().amax(dim=1)
                alpha, lowered = alpha - top[:, None], lowered + top
        return torch.logsumexp(alpha + self.end, dim=2), lowered

    @torch.no_grad()
    def decode(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The most probable path of each member, ``(T, B)`` int64 (Viterbi 1967); 0 at padded
        steps. ``scores`` and ``lengths`` as in :meth:`loss`."""
        scores, valid = _without_padding(scores, lengths)
        stay = torch.arange(scores.shape[2], device=scores.device)
        best = self.start + scores[0]  # (B, K): score of the best path that ends in k
        came: list[Tensor] = []  # from which label; behind the end, from the label itself
        for t in range(1, len(scores)):
            step, before = (best[:, :, None] + self.transitions).max(dim=1)
            best = torch.where(valid[t, :, None], step + scores[t], best)
            came.append(torch.where(valid[t, :, None], before, stay))
            if t % _STEPS == 0:
                best = best - best.amax(dim=1, keepdim=True)
        label = (best + self.end).argmax(dim=1)
        path = [label]
        for before in reversed(came):
            label = before.gather(1, label[:, None])[:, 0]
            path.append(label)
        return torch.stack(path[::-1]).masked_fill(~valid, 0)


def _without_padding(scores: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scores with zeros at padded steps, and ``(T, B)`` bool: which steps are not padded."""
    steps, batch = scores.shape[:2]
    if lengths is None:
        return scores, scores.new_ones((steps, batch), dtype=torch.bool)
    valid = valid_steps(check_lengths(lengths, steps, batch), steps, scores.device)
    return scores.masked_fill(~valid[:, :, None], 0.0), valid
