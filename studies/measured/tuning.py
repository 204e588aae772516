"""A learning rate for each side of a comparison, chosen on the validation set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import TypeVar

from measured.lab import Lab
from measured.training import Record, Training

K = TypeVar("K")


def validated(record: Record) -> float:
    """The best validation value, of a metric of which more is better."""
    return record.validated


def learning_rates(
    lab: Lab,
    keys: Iterable[K],
    grid: Sequence[float],
    training: Callable[[K, float, int], Training],
    score: Callable[[Record], float] = validated,
    *,
    count: int = 1,
) -> dict[K, float]:
    """For each key the rate of ``grid`` with the best mean ``score`` over the first ``count`` of
    the seeds that are judged, whose runs are not repeated; the first of equal ones.

    training: of a key, a rate and a seed. score: more is better, from the validation set alone;
    NaN where training diverged.
    """
    seeds = list(lab.seeds)[:count]
    chosen = {(key, lr): [training(key, lr, s) for s in seeds] for key in keys for lr in grid}
    scores = {k: fmean(map(score, records)) for k, records in lab.train(chosen).items()}
    ranked = {k: -math.inf if math.isnan(x) else x for k, x in scores.items()}
    return {key: max(grid, key=lambda lr, key=key: ranked[key, lr]) for key, _ in chosen}
