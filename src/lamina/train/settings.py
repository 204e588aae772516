"""How to train: every choice, its default and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import torch

from lamina.spec import LaminaError
from lamina.store.structs import changed

Optimizer = Literal["adam", "adamw", "sgd"]
ScheduleName = Literal["constant", "exponential", "plateau", "cosine"]

LEARNING_RATES: Mapping[str, float] = {"adam": 1e-3, "adamw": 1e-3, "sgd": 0.1}
DECAYS: Mapping[str, float] = {"exponential": 0.95, "plateau": 0.5}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a training. Raises :class:`LaminaError` for values that make no sense.

    epochs:             passes over the training part.
    optimizer:          ``adam``, ``adamw`` or ``sgd``.
    lr:                 the learning rate; ``None``: 1e-3 for adam and adamw, 0.1 for sgd.
    weight_decay:       as in torch; on all parameters (adamw: decoupled from the gradient).
    momentum:           of sgd.
    clip:               the gradient's largest allowed norm over all parameters; ``None``: any.
    schedule:           how the learning rate changes: not at all; by a factor an epoch; by a factor
                        where the metric stands still; or along a half cosine down to 0.
    decay:              factor of ``exponential`` (each epoch; ``None``: 0.95) or of ``plateau``
                        (each time the metric stands still; ``None``: 0.5).
    plateau_patience:   evaluations without a gain that ``plateau`` bears before it decays.
    warmup_steps:       steps in which the learning rate first rises linearly, with any schedule.
    patience:           stop after this many evaluations in a row without a gain; ``None``: never.
    evaluate_every:     epochs between evaluations; the last epoch always ends with one.
    precision:          ``float32``, or ``bf16``: autocast to bfloat16, on CUDA only.
    checkpoint_seconds: time between checkpoints, where there is a run folder.
    checkpoint_steps:   if given, a checkpoint also each so many steps.
    seed:               of the order of the batches and of dropout.
    device:             ``auto`` is CUDA where there is one, else the CPU.
    threads:            CPU threads while training; ``None``: as torch is set.
    """

    epochs: int = 10
    optimizer: Optimizer = "adam"
    lr: float | None = None
    weight_decay: float = 0.0
    momentum: float = 0.0
    clip: float | None = 1.0
    schedule: ScheduleName = "constant"
    decay: float | None = None
    plateau_patience: int = 2
    warmup_steps: int = 0
    patience: int | None = None
    evaluate_every: int = 1
    precision: Literal["float32", "bf16"] = "float32"
    checkpoint_seconds: float = 30.0
    checkpoint_steps: int | None = None
    seed: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        _at_least(1, epochs=self.epochs, evaluate_every=self.evaluate_every)
        _at_least(
            1,
            patience=self.patience,
            checkpoint_steps=self.checkpoint_steps,
            threads=self.threads,
        )
        _at_least(0, plateau_patience=self.plateau_patience, warmup_steps=self.warmup_steps)
        _at_least(0, seed=self.seed, weight_decay=self.weight_decay, momentum=self.momentum)
        _at_least(0, checkpoint_seconds=self.checkpoint_seconds)
        _need(self.seed < 2**32, "seed", self.seed, "a number below 2**32")
        _need(self.momentum < 1, "momentum", self.momentum, "a number in 0 <= momentum < 1")
        _need(self.lr is None or 0 < self.lr < float("inf"), "lr", self.lr, "a number above 0")
        _need(self.clip is None or self.clip > 0, "clip", self.clip, "a norm above 0, or None")
        if self.momentum and self.optimizer != "sgd":
            raise LaminaError(
                f"momentum is {self.momentum} with {self.optimizer}, which has its own; "
                'use optimizer="sgd" or leave momentum out'
            )
        if self.decay is not None:
            _need(0 < self.decay < 1, "decay", self.decay, "a factor in 0 < decay < 1")
            if self.schedule not in DECAYS:
                raise LaminaError(
                    f'decay is {self.decay} with schedule="{self.schedule}", which does not use '
                    'it; use schedule="exponential" or "plateau", or leave decay out'
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
        """The same settings with some fields changed; types are checked as well."""
        return changed(self, changes, what="setting")

    def config(self) -> dict[str, Any]:
        """JSON values, for ``config.json``."""
        return msgspec.structs.asdict(self)

    def choose_device(self) -> torch.device:
        """The device to train on. Raises :class:`LaminaError` where it is not there."""
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


def _at_least(least: int, **fields: float | None) -> None:
    for name, value in fields.items():
        if value is not None:
            _need(least <= value < float("inf"), name, value, f"a number of {least} or more")


def _need(holds: bool, name: str, value: Any, need: str) -> None:
    if not holds:
        raise LaminaError(f"{name} is {value}; need {need}")
