"""Sequences that are computed together, and what one step made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import Self

    from lamina.spec.state import State
    from lamina.spec.task import Part


def layout(
    members: int | str | None = 1, *, lengths: str | None = None, host: bool = False
) -> dict[str, Any]:
    """The metadata of a tensor field of a batch.

    Args:
        members: the axis along which the batch's members lie; ``None``: it belongs to all of them;
            the name of a field: they follow each other along axis 0, each as long as that says.
        lengths: the field that says how many steps (along axis 0) are valid; the rest is padding.
        host:    the tensor stays on the CPU.
    """
    return {"members": members, "lengths": lengths, "host": host}


@dataclass(frozen=True)
class Batch:
    """Sequences that are computed together. A task whose network reads more derives a dataclass of
    its own, whose tensor fields say by :func:`layout` how they lie.

    Attributes:
        inputs:  ``(T, B)`` int64 tokens, or ``(T, B, I)`` floats.
        targets: what the task wants to see, here ``(B,)`` or ``(B, C)``: one row a member.
        lengths: ``(B,)`` int64 on the CPU, each in ``1..T``; ``None`` means that all are ``T``
            long. What stands at a step ``t >= length`` is padding and is never read.
        fresh:   the sequences start here. ``False`` in a stream: the state of the batch before
            goes on.
        index:   ``(B,)`` int64 on the CPU, the position of each member in its part of the data, or
            ``None``.
        part:    the part of the data that the batch is from.
    """

    inputs: Tensor = field(metadata=layout(lengths="lengths"))
    targets: Tensor = field(metadata=layout(0))
    lengths: Tensor | None = field(default=None, metadata=layout(0, host=True))
    fresh: bool = True
    index: Tensor | None = field(default=None, metadata=layout(0, host=True))
    part: Part = "train"

    @property
    def steps(self) -> int:
        """How many valid steps the batch holds, padding not counted."""
        if self.lengths is None:
            return self.inputs.shape[0] * self.inputs.shape[1]
        return int(self.lengths.sum())

    @property
    def predictions(self) -> int:
        """How many predictions the batch asks for: what its loss is a mean over."""
        return self.targets.numel()

    @property
    def examples(self) -> int:
        """How many examples the batch holds, in the unit of its task."""
        return self.inputs.shape[1]

    def to(self, device: torch.device | str) -> Self:
        """The batch with its tensors on ``device``, but for those whose :func:`layout` keeps them
        on the CPU."""
        moved: dict[str, Any] = {}
        for part in fields(self):
            value = getattr(self, part.name)
            is_tensor = hasattr(value, "device")  # this module does not import torch
            if is_tensor and not part.metadata.get("host", False):
                moved[part.name] = value.to(device, non_blocking=True)
        return replace(self, **moved)


@dataclass(frozen=True)
class StreamBatch(Batch):
    """A stretch of a text, or of several side by side, with the token that follows each.

    Attributes:
        inputs:  ``(T, B)`` int64 tokens.
        targets: ``(T, B)`` int64, the next tokens.
        source:  the number of the text, where a part has several; else ``None``.
    """

    targets: Tensor = field(metadata=layout())
    source: int | None = None

    @property
    def examples(self) -> int:
        """Its tokens."""
        return self.targets.numel()


@dataclass(frozen=True)
class Step:
    """What one batch gave.

    Attributes:
        loss:  0-dim, the mean to differentiate.
        sums:  0-dim detached tensors on the device, added up over batches (``"loss"``
            always among them); nothing here makes the host wait.
        count: how many predictions the sums are over, known on the host.
        state: carried to the next batch of a stream, already detached; ``None`` where nothing is.
    """

    loss: Tensor
    sums: Mapping[str, Tensor]
    count: int
    state: State | None = None
