"""Batches of texts with their translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamina.data.batch.batches import padded
from lamina.spec import Batch, Part
from lamina.spec.batch import layout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PairBatch(Batch):
    """Pairs of like length.

    Attributes:
        inputs:         ``(S, B)`` int64, tokens of the source.
        targets:        ``(T, B)`` int64, tokens of the target.
        lengths:        ``(B,)`` int64 on the CPU, of the sources.
        target_lengths: ``(B,)`` int64 on the CPU.
    """

    targets: Tensor = field(metadata=layout(lengths="target_lengths"))
    lengths: Tensor = field(metadata=layout(0, host=True))
    target_lengths: Tensor = field(metadata=layout(0, host=True))

    @property
    def predictions(self) -> int:
        """The tokens of its targets."""
        return int(self.target_lengths.sum())


def collate(
    sources: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    members: np.ndarray,
    part: Part = "train",
) -> PairBatch:
    """The batch of the pairs at the positions ``members``; padding is 0."""
    inputs, lengths = padded([sources[i] for i in members])
    wanted, target_lengths = padded([targets[i] for i in members])
    return PairBatch(
        inputs=inputs,
        targets=wanted,
        lengths=lengths,
        target_lengths=target_lengths,
        index=torch.from_numpy(members),
        part=part,
    )
