"""A learning rate that suits, for each setting of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from measured.lab import Lab
from measured.training import Training

K = TypeVar("K")


def choose(
    lab: Lab,
    keys: Iterable[K],
    rates: Sequence[float],
    training: Callable[[K, float, int], Training],
) -> dict[K, float]:
    """For each key the rate whose ``training(key, rate, seed=0)`` scores best on the validation
    part, by a metric of which more is better; the first of equal ones."""
    keys = list(keys)
    tried = lab.train({(key, rate): [training(key, rate, 0)] for key in keys for rate in rates})
    scores = {key: np.nan_to_num(records[0].validated) for key, records in tried.items()}
    return {key: max(rates, key=lambda rate: scores[key, rate]) for key in keys}
