"""How long an epoch of each depth will take: real steps and a real share of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from lamina.depth.ask.measure import StepTimer, in_turn
from lamina.spec import Batch, Model, Part, Task
from lamina.train import Settings
from lamina.train.session import cpu_threads

#: Batches that stand for an epoch, by their place from short to long, in the order in which they
#: are timed: the middle, then a short one with a long one.
QUANTILES = (0.5, 0.1, 0.9, 0.3, 0.7)
#: After so many of them, and after any number of whole passes, a measurement may end: those it has
#: seen stand for all without leaning to the short or to the long.
FAIR = (1, 3)
#: Batches looked at to find them.
SAMPLE = 64
#: Seconds for all depths, training and evaluation alike; about, as no step is left out of a turn.
SECONDS = 4.0
#: Passes over the batches, after one that is not timed; as many as fit in the seconds.
PASSES = 8


class Epoch(NamedTuple):
    """Seconds of an epoch: of its training, and of its share of an evaluation."""

    training: float
    evaluation: float


def epoch_seconds(models: Mapping[int, Model], task: Task, settings: Settings) -> dict[int, Epoch]:
    """What an epoch of each depth is expected to take.

    The models are trained a few steps by this. Depths take turns, and means count, not medians: a
    machine that is busy now is taken to stay so.
    """
    steppers = {d: StepTimer(model, task, settings) for d, model in models.items()}
    with cpu_threads(settings.threads):
        training = _part(task, "train", {d: s.milliseconds for d, s in steppers.items()})
        evaluation = _part(task, "validation", {d: s.evaluated for d, s in steppers.items()})
    share = 1 / settings.evaluate_every
    return {d: Epoch(training[d], share * evaluation[d]) for d in steppers}


def _part(
    task: Task, part: Part, timed: Mapping[int, Callable[[Batch], float]]
) -> dict[int, float]:
    """Seconds that each depth takes for all batches of a part, from ``timed`` milliseconds of
    some: time is taken to be in proportion to size, padding counted (a ratio estimate: Cochran
    1977, *Sampling Techniques*, chapter 6), so that a few very long batches are not forgotten."""
    batches = task.batches(part)
    chosen, size, fetch = _typical(batches)
    spent: dict[int, list[list[float]]] = {d: [[] for _ in chosen] for d in timed}
    for milliseconds in timed.values():
        milliseconds(chosen[0])  # the first one is slow
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
    """Batches of the sizes at :data:`QUANTILES`, the mean size of all, and the seconds that one
    takes to be made."""
    stride = max(1, len(batches) // SAMPLE)
    begin = time.perf_counter()
    sample = [batches[k] for k in range(0, len(batches), stride)]
    fetch = (time.perf_counter() - begin) / len(sample)
    by_size = sorted(sample, key=lambda batch: batch.inputs.numel())
    mean = fmean(batch.inputs.numel() for batch in sample)
    return [by_size[int(q * len(by_size))] for q in QUANTILES], mean, fetch
