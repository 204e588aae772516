"""The result of a training run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from lamina.spec import LaminaError

Stopped = Literal["epochs", "patience", "interrupted", "paused", "diverged"]

#: Fields of results and history lines that differ between two identical training runs.
TIME_FIELDS = frozenset({"seconds", "tokens_per_second", "step_ms", "data_share"})


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a training run.

    Attributes:
        best: Metrics of the best evaluation (without a validation set, of the last); empty if
            training ended before the first.
        best_epoch: The epoch of that evaluation, counted from 1; 0 if there was none.
        epochs: Epochs done.
        steps: Optimizer steps done.
        stopped: Why training stopped: ``epochs`` (all done), ``patience`` (no further
            improvement), ``interrupted`` (Ctrl-C), ``paused`` (by ``until``) or ``diverged``.
        seconds: Wall-clock time, summed over all sessions of the run.
        tokens_per_second: Training speed, without evaluations.
        step_ms: Median time of a training step in the last session, in milliseconds.
        parameters: Number of trainable parameters.
        out: The run folder, or ``None``.
    """

    best: dict[str, float | None]
    best_epoch: int
    epochs: int
    steps: int
    stopped: Stopped
    seconds: float
    tokens_per_second: float
    step_ms: float
    parameters: int
    out: str | None = None

    def config(self) -> dict[str, Any]:
        """JSON values for ``result.json``, without ``out``, since the folder may move."""
        values = msgspec.structs.asdict(self)
        del values["out"]
        return values


class Diverged(LaminaError):  # noqa: N818 - what happened, not a fault
    """The loss or the gradient became infinite or NaN.

    Attributes:
        result: The result up to then; the best weights so far are kept.
        epoch: The epoch in which it was noticed, counted from 1.
        step: The step at which it was noticed, counted from 1.
    """

    def __init__(self, result: Result, epoch: int, lr: float, clip: float | None):
        self.result, self.epoch, self.step = result, epoch, result.steps
        remedy = f"try a smaller lr (it is {lr:g})"
        remedy += ", or clip=1.0" if clip is None else f" or clip (it is {clip:g})"
        super().__init__(
            f"training diverged at step {self.step} (epoch {epoch}): the loss or the gradient is "
            f"not finite; {remedy}, or warmup_steps=200",
            place=result.out,
        )
