"""Batches of recordings with their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamina.data.batch.batches import padded, ragged
from lamina.spec import Batch, Part
from lamina.spec.batch import layout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SpeechBatch(Batch):
    """Recordings of like length.

    Attributes:
        inputs:         ``(T, B, I)`` float32, standardised frames.
        targets:        ``(S,)`` int64, the tokens of all members, one member after the other.
        target_lengths: ``(B,)`` int64 on the CPU.
    """

    targets: Tensor = field(metadata=layout("target_lengths"))
    target_lengths: Tensor = field(metadata=layout(0, host=True))


def collate(
    frames: Sequence[np.ndarray],
    tokens: Sequence[np.ndarray],
    members: np.ndarray,
    part: Part = "train",
) -> SpeechBatch:
    """The batch of some recordings.

    Args:
        frames:  of each member, ``(T, I)`` float32.
        tokens:  of each recording of the part, ``(S,)``.
        members: their positions in ``tokens``.
        part:    the part of the data that they are.
    """
    inputs, lengths = padded(frames)
    wanted = [tokens[i] for i in members]
    return SpeechBatch(
        inputs=inputs,
        targets=torch.from_numpy(np.concatenate(wanted)),
        lengths=ragged(lengths),
        target_lengths=torch.tensor([len(some) for some in wanted]),
        index=torch.from_numpy(members),
        part=part,
    )
