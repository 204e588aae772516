"""The settings of a training run: each with its default and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lamina.options import (
    Count,
    Natural,
    NonNegative,
    Options,
    Positive,
    Seed,
    Share,
    Threads,
    changed,
)
from lamina.spec import LaminaError

if TYPE_CHECKING:
    import torch

Optimizer = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["constant", "exponential", "plateau", "cosine"]

LEARNING_RATES: Mapping[str, float] = {"adam": 1e-3, "adamw": 1e-3, "sgd": 0.1}
DECAYS: Mapping[str, float] = {"exponential": 0.95, "plateau": 0.5}


class Settings(Options, frozen=True, kw_only=True):
    """The settings of a training run.

    Raises:
        LaminaError: A value is out of bounds, or has no effect with the other settings.
    """

    epochs: Annotated[Count, Meta(description="Passes over the training part.")] = 10
    optimizer: Annotated[Optimizer, Meta(description="Optimizer.")] = "adam"
    lr: Annotated[
        Positive | None,
        Meta(description="Learning rate; None: 1e-3 for adam and adamw, 0.1 for sgd."),
    ] = None
    weight_decay: Annotated[
        NonNegative, Meta(description="Weight decay of all parameters; decoupled with adamw.")
    ] = 0.0
    momentum: Annotated[Share, Meta(description="Momentum of sgd.")] = 0.0
    clip: Annotated[
        Positive | None,
        Meta(description="Largest norm of the gradient over all parameters; None: no clipping."),
    ] = 1.0
    schedule: Annotated[
        ScheduleName,
        Meta(
            description="Learning rate schedule: constant; multiplied by --decay each epoch "
            "(exponential) or whenever the metric stops improving (plateau); or half a cosine "
            "down to 0."
        ),
    ] = "constant"
    decay: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(
            description="Factor of the exponential or plateau schedule; None: 0.95 or 0.5 "
            "respectively."
        ),
    ] = None
    plateau_patience: Annotated[
        Natural,
        Meta(description="Evaluations without improvement before the plateau schedule decays."),
    ] = 2
    warmup_steps: Annotated[
        Natural,
        Meta(description="Steps of linear warm-up of the learning rate, with any schedule."),
    ] = 0
    patience: Annotated[
        Count | None,
        Meta(description="Stop after this many evaluations without improvement; None: never."),
    ] = None
    evaluate_every: Annotated[
        Count, Meta(description="Epochs between evaluations; the last epoch always ends with one.")
    ] = 1
    precision: Annotated[
        Literal["float32", "bf16"],
        Meta(description="Number format; bf16 is autocast to bfloat16, on CUDA only."),
    ] = "float32"
    checkpoint_seconds: Annotated[NonNegative, Meta(description="Seconds between checkpoints.")] = (
        30.0
    )
    checkpoint_steps: Annotated[
        Count | None, Meta(description="Also write a checkpoint every so many steps.")
    ] = None
    seed: Annotated[
        Seed, Meta(description="Random seed for initial weights, batch order and dropout.")
    ] = 0
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        Meta(description="Device; auto uses CUDA if available, else the CPU."),
    ] = "auto"
    threads: Annotated[
        Threads | None, Meta(description="CPU threads for training; None: torch's setting.")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum and self.optimizer != "sgd":
            raise LaminaError(
                f"momentum is {self.momentum} with {self.optimizer}, which has its own; "
                "use optimizer='sgd' or leave momentum out"
            )
        if self.decay is not None and self.schedule not in DECAYS:
            raise LaminaError(
                f"decay is {self.decay} with schedule={self.schedule!r}, which does not use it; "
                "use schedule='exponential' or schedule='plateau', or leave decay out"
            )

    @property
    def learning_rate(self) -> float:
        """``lr``, or the default of the optimizer."""
        return LEARNING_RATES[self.optimizer] if self.lr is None else self.lr

    @property
    def decay_factor(self) -> float:
        """``decay``, or the default of the schedule."""
        return DECAYS.get(self.schedule, 1.0) if self.decay is None else self.decay

    def changed(self, **changes: Any) -> Settings:
        """A copy with some fields changed; types are checked, too."""
        return changed(self, changes, what="setting")

    def config(self) -> dict[str, Any]:
        """JSON values, for ``config.json``."""
        return msgspec.structs.asdict(self)

    def choose_device(self) -> torch.device:
        """The device to train on.

        Raises:
            LaminaError: The device is not available, or does not support the precision.
        """
        import torch

        name = self.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cuda" and not torch.cuda.is_available():
            raise LaminaError('device="cuda", but torch sees no GPU; use device="cpu" or "auto"')
        if name == "mps" and not torch.backends.mps.is_available():
            raise LaminaError('device="mps", but torch sees no Metal GPU; use device="cpu"')
        if self.precision == "bf16" and name != "cuda":
            raise LaminaError(
                f'precision="bf16" runs on CUDA only, and the device is {name}; '
                'use precision="float32"'
            )
        return torch.device(name)
