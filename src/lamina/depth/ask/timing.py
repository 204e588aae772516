"""The expected time of an epoch at each depth, from real training steps and a share of
evaluation."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import msgspec

from lamina.depth.ask.measure import StepTimer, in_turn
from lamina.options import NonNegative
from lamina.spec import Batch, LaminaError, Model, Part, Task
from lamina.train import Settings
from lamina.train.session import cpu_threads

#: Batches that represent an epoch, as quantiles of length, in timing order: the middle, then a
#: short one paired with a long one.
QUANTILES = (0.5, 0.1, 0.9, 0.3, 0.7)
#: A measurement may end after this many batches, and after any number of complete passes; the
#: batches seen are then not biased towards short or long ones.
FAIR = (1, 3)
#: Batches sampled to find them.
SAMPLE = 64
#: Approximate time limit in seconds for all depths, training and evaluation; no depth skips its
#: turn.
SECONDS = 4.0
#: Passes over the batches, after an untimed one; as many as fit in the seconds.
PASSES = 8


class Epoch(NamedTuple):
    """Seconds of an epoch: of its training, and of its share of an evaluation."""

    training: NonNegative
    evaluation: NonNegative


def epoch_seconds(models: Mapping[int, Model], task: Task, settings: Settings) -> dict[int, Epoch]:
    """The expected time of an epoch at each depth. Trains the models for a few steps.

    Depths take turns. Means count, not medians: a machine that is busy now is assumed to stay busy.
    """
    steppers = {d: StepTimer(model, task, settings) for d, model in models.items()}
    with cpu_threads(settings.threads):
        training = _part(task, "train", {d: s.milliseconds for d, s in steppers.items()})
        evaluation = _part(task, "validation", {d: s.evaluated for d, s in steppers.items()})
    share = 1 / settings.evaluate_every
    return {d: Epoch(training[d], share * evaluation[d]) for d in steppers}


@contextlib.contextmanager
def checked_times(place: str) -> Iterator[None]:
    """Refuse times that are not those of a study, as the fault of the database that keeps them.

    Raises:
        LaminaError: for msgspec's ValidationError.
    """
    try:
        yield
    except msgspec.ValidationError as error:
        raise LaminaError(
            f"has step times that lamina did not write: {error}. Move it away, or name another "
            "database.",
            place=place,
        ) from None


def _part(
    task: Task, part: Part, timed: Mapping[int, Callable[[Batch], float]]
) -> dict[int, float]:
    """Seconds that each depth needs for all batches of a part, from ``timed`` milliseconds of a
    few: time is assumed proportional to size, including padding (a ratio estimate: Cochran 1977,
    *Sampling Techniques*, chapter 6), which accounts for a few very long batches."""
    batches = task.batches(part)
    chosen, size, fetch = _typical(batches)
    spent: dict[int, list[list[float]]] = {d: [[] for _ in chosen] for d in timed}
    for milliseconds in timed.values():
        milliseconds(chosen[0])  # the first step is slow
    begin, turns = time.monotonic(), 0
    while turns < PASSES * len(chosen):
        at = turns % len(chosen)
        for d in in_turn(list(timed), turns):
            spent[d][at].append(timed[d](chosen[at]))
        turns += 1
        fair = turns in FAIR or turns % len(chosen) == 0
        if fair and time.monotonic() - begin > SECONDS / 2:
            break
    larger = size / fmean(batch.inputs.numel() for batch in chosen[:turns])
    return {
        d: len(batches) * (fetch + larger * fmean(fmean(times) for times in each if times) / 1000)
        for d, each in spent.items()
    }


def _typical(batches: Sequence[Batch]) -> tuple[list[Batch], float, float]:
    """Batches of the sizes at :data:`QUANTILES`, the mean size of all, and the seconds needed to
    make one."""
    stride = max(1, len(batches) // SAMPLE)
    begin = time.perf_counter()
    sample = [batches[k] for k in range(0, len(batches), stride)]
    fetch = (time.perf_counter() - begin) / len(sample)
    by_size = sorted(sample, key=lambda batch: batch.inputs.numel())
    mean = fmean(batch.inputs.numel() for batch in sample)
    return [by_size[int(q * len(by_size))] for q in QUANTILES], mean, fetch
