"""Sequences that are computed together, and what one step made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lamina.spec.state import State


@dataclass(frozen=True)
class Batch:
    """Sequences that are computed together.

    inputs:  ``(T, B)`` int64 tokens, or ``(T, B, I)`` floats.
    lengths: ``(B,)`` int64 on the CPU, each in ``1..T``; ``None`` means that all are ``T`` long.
             What stands at a step ``t >= length`` is padding and is never read.
    targets: what the task wants to see: ``(B,)`` labels, ``(T, B)`` tokens, ...
    fresh:   the sequences start here. ``False`` in a stream: the state of the batch before goes on.
    index:   ``(B,)`` int64, the position of each member in its part of the data, or ``None``.
    more:    other tensors that a task needs, by name: characters of words, lengths of targets, ...
    asked:   how many predictions ``targets`` ask for, where they hold places that do not count;
             ``None``: one for each of their elements.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None
    fresh: bool = True
    index: Tensor | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict)
    asked: int | None = None

    @property
    def steps(self) -> int:
        """How many valid steps the batch holds, padding not counted."""
        if self.lengths is None:
            return self.inputs.shape[0] * self.inputs.shape[1]
        return int(self.lengths.sum())

    @property
    def predictions(self) -> int:
        """How many predictions the batch asks for."""
        return self.targets.numel() if self.asked is None else self.asked

    def to(self, device: torch.device | str) -> Batch:
        """The batch with its tensors on ``device``; lengths stay on the CPU, those in ``more``
        (``"..._lengths"``) too."""
        return replace(
            self,
            inputs=self.inputs.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
            more={
                name: part if name.endswith("lengths") else part.to(device, non_blocking=True)
                for name, part in self.more.items()
            },
        )


@dataclass(frozen=True)
class Step:
    """What one batch gave.

    loss:  0-dim, the mean to differentiate.
    sums:  0-dim detached tensors on the device, added up over batches (``"loss"`` in nats always
           among them); nothing here makes the host wait.
    count: how many predictions the sums are over, known on the host.
    state: carried to the next batch of a stream, already detached; ``None`` where nothing is.
    """

    loss: Tensor
    sums: Mapping[str, Tensor]
    count: int
    state: State | None = None
