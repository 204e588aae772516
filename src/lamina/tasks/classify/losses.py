"""What a classifier learns from, and what its metrics add up."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from lamina.tasks.classify.labels import Labelling, OneLabel


def loss(
    kind: Labelling,
    scores: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """The loss in nats, 0-dim.

    Of one label the cross-entropy, mean over the batch, each example times its class's weight;
    ``smoothing``: Szegedy et al. (2016), section 7. Of several the binary cross-entropy, mean over
    batch and labels, each yes times its label's weight; ``smoothing`` moves targets towards one
    half.

    Args:
        kind:      how labels are given.
        scores:    ``(B, C)``.
        targets:   ``(B,)`` int64, or of several labels ``(B, C)`` of 0 and 1.
        weights:   ``(C,)``; ``None``: all are 1.
        smoothing: share of certainty that is not asked for.
    """
    if isinstance(kind, OneLabel):
        each = cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)
        return (each if weights is None else each * weights.to(each)[targets]).mean()
    wanted = targets.to(scores) * (1 - smoothing) + smoothing / 2
    return binary_cross_entropy_with_logits(
        scores, wanted, pos_weight=None if weights is None else weights.to(scores)
    )


def sums(kind: Labelling, scores: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """What ``kind.summary`` adds up over batches. Of several labels: true positives, and all that
    is said or wanted, of each label by its number."""
    if isinstance(kind, OneLabel):
        return {"correct": (scores.argmax(dim=1) == targets).sum()}
    said = torch.sigmoid(scores) >= kind.threshold
    wanted = targets > 0.5
    found = {"hit": said & wanted, "said": said, "wanted": wanted}
    return {
        f"{name}_{i}": value
        for name, flags in found.items()
        for i, value in enumerate(flags.sum(dim=0).unbind())
    }
