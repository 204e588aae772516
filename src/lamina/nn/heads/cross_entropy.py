"""The last step of a network that chooses among many tokens, and its loss, in one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

#: Rows whose scores are in memory at once: few enough to stay in a cache.
ROWS = 256


def output_loss(
    h: Tensor, weight: Tensor, targets: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of scores ``h @ weight.T`` that are never all in memory.

    The labels are smoothed as in Szegedy et al. (2016), *Rethinking the Inception Architecture for
    Computer Vision*, section 7: a share of the probability is spread evenly over all tokens.

    Args:
        h:         ``(N, E)``.
        weight:    ``(V, E)``, a row for each token.
        targets:   ``(N,)`` int64.
        smoothing: the share, ``epsilon``.

    Returns:
        the mean loss to differentiate, 0-dim, and the mean without smoothing, detached; in nats.
    """
    # As torch does it for a cross-entropy, autocast lets this be computed in full precision.
    with torch.autocast(h.device.type, enabled=False):
        return _OutputLoss.apply(h.to(weight.dtype), weight, targets, smoothing)  # type: ignore


class _OutputLoss(torch.autograd.Function):
    """The gradient of the loss by the scores is ``softmax - label``: what the forward step has at
    hand already, so that it goes on to the gradients by ``h`` and ``weight`` at once."""

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, weight: Tensor, targets: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        n, size = len(h), len(weight)
        learns = any(ctx.needs_input_grad[:2])
        grad_h = torch.empty_like(h) if learns else None
        grad_weight = torch.zeros_like(weight) if learns else None
        loss, plain = h.new_zeros(()), h.new_zeros(())
        buffer = h.new_empty(min(ROWS, n), size)
        for start in range(0, n, ROWS):
            part = slice(start, min(start + ROWS, n))
            scores = torch.mm(h[part], weight.T, out=buffer[: part.stop - start])
            target = targets[part, None]
            total = scores.logsumexp(dim=1)
            wanted = total - scores.gather(1, target)[:, 0]  # -log p of the target
            plain += wanted.sum()
            loss += (1 - smoothing) * wanted.sum()
            if smoothing:
                loss += smoothing * (total - scores.mean(dim=1)).sum()
            if grad_h is None or grad_weight is None:
                continue
            error = scores.sub_(total[:, None]).exp_()
            if smoothing:
                error -= smoothing / size
            error.scatter_add_(1, target, error.new_full((1, 1), smoothing - 1).expand_as(target))
            error /= n
            torch.mm(error, weight, out=grad_h[part])
            grad_weight.addmm_(error.T, h[part])
        if learns:
            ctx.save_for_backward(grad_h, grad_weight)
        ctx.mark_non_differentiable(plain := plain / n)
        return loss / n, plain

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_h, grad_weight = ctx.saved_tensors
        return grads[0] * grad_h, grads[0] * grad_weight, None, None
