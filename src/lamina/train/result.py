"""What a training came to."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from lamina.spec import LaminaError

Stopped = Literal["epochs", "patience", "interrupted", "paused", "diverged"]

#: Fields of results and history lines that two equal trainings do not share.
TIME_FIELDS = frozenset({"seconds", "tokens_per_second", "step_ms", "data_share"})


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a training came to.

    best:              metrics of the best evaluation (the last one where there is no validation
                       part); empty where training ended before the first.
    best_epoch:        after which epoch that was, counted from 1; 0 where there was none.
    epochs:            epochs done.
    steps:             optimizer steps done.
    stopped:           why it ended: ``epochs`` (all done), ``patience`` (no gain any more),
                       ``interrupted`` (Ctrl-C), ``paused`` (as asked) or ``diverged``.
    seconds:           wall-clock time, summed over all sessions of the run.
    tokens_per_second: speed of training, evaluations not counted.
    step_ms:           median time of a training step, in the last session.
    parameters:        how many numbers the model learns.
    out:               the run folder, or ``None``.
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
        """JSON values, for ``result.json``; the folder knows itself where it is."""
        values = msgspec.structs.asdict(self)
        del values["out"]
        return values


class Diverged(LaminaError):  # noqa: N818 - what happened, not a fault
    """The loss or the gradient became infinite or not-a-number.

    epoch, step: where it was noticed, both counted from 1.
    result:      what there was until then; the best weights so far are kept.
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
