"""Learning curves of searches with known truths, modelled on real training runs.

A recorded question provides, for each depth, how far the mean curve is below its end at each epoch,
how runs deviate from it (their covariance over the epochs), and the cost of an epoch. The curves
are those of the best score so far, whose end is the score that a search decides by.

A truth defines where the curves end, in margins; a depth's gain grows as its curve rises. The
amount of noise is relative to the margin: each question gets the margin at which the final scores
of a depth have the wanted standard deviation, and everything else about its curves is measured by
that margin too. The first epochs of a question keep their relation to its last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("learning_curves.json")
DEPTHS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Truth:
    """The final scores of the depths.

    Attributes:
        gains: of each depth over the shallowest, in margins.
        right: the depths that may be recommended, none if only "undecided" is right.
        late: the shares of the epochs during which the depths make no progress at first.
    """

    gains: tuple[float, ...]
    right: tuple[int, ...]
    late: tuple[float, ...] = (0.0,) * 5


TRUTHS: Mapping[str, Truth] = {
    "flat": Truth((0, 0, 0, 0, 0), (1,)),
    "second +2": Truth((0, 2, 2, 2, 2), (2,)),
    "second at the margin": Truth((0, 1, 1, 1, 1), ()),
    "second, third +2": Truth((0, 2, 4, 4, 4), (3,)),
    "only third +2": Truth((0, 0, 2, 2, 2), (3,)),
    "deeper worse": Truth((0, -1, -2, -3, -4), (1,)),
    "+2 but late": Truth((0, 2, 2, 2, 2), (2,), (0.0, 0.2, 0.3, 0.4, 0.5)),
    "third +2 but late": Truth((0, 2, 4, 4, 4), (3,), (0.0, 0.2, 0.5, 0.6, 0.7)),
}


@cache
def recorded() -> dict[str, Any]:
    """The file of recorded curves."""
    return json.loads(FILE.read_text())


def cost(question: str) -> dict[int, float]:
    """Relative cost of an epoch at each depth."""
    return {int(depth): ms for depth, ms in recorded()[question]["epoch_ms"].items()}


def epochs(question: str) -> int:
    """Epochs of a complete training run."""
    return len(recorded()[question]["curves"]["1"][0])


def draw(
    question: str, truth: Truth, noise: float, seeds: int, rng: np.random.Generator
) -> np.ndarray:
    """The best utility so far in margins, ``(depth, seed, epoch)``; ``noise``, the standard
    deviation of the last of them, is in margins too."""
    residuals = _residuals(question)
    dof = len(residuals) - len(DEPTHS)
    # Normal, with the covariance of the recorded runs.
    drawn = rng.standard_normal((len(DEPTHS), seeds, len(residuals))) @ residuals / np.sqrt(dof)
    curves = _means(question, truth, noise)[:, None] + drawn / _margin(question, noise)
    # No earlier value exceeds the final one.
    return np.maximum.accumulate(np.minimum(curves, curves[..., -1:]), axis=-1)


def _best(question: str) -> np.ndarray:
    """The best utility so far of the recorded runs, ``(depth, seed, epoch)``."""
    kept = recorded()[question]["curves"]
    curves = np.array([kept[str(depth)] for depth in DEPTHS])
    return np.maximum.accumulate(curves, axis=-1)


@cache
def _residuals(question: str) -> np.ndarray:
    """The deviations of runs from the mean curve of their depth, ``(run, epoch)``."""
    curves = _best(question)
    return (curves - curves.mean(axis=1, keepdims=True)).reshape(-1, curves.shape[-1])


@cache
def _margin(question: str, noise: float) -> float:
    """The margin, in utilities, at which the final scores have standard deviation ``noise``: the
    standard deviation is that of the recorded runs, pooled over depths."""
    last = _residuals(question)[:, -1]
    return float(np.sqrt((last**2).sum() / (len(last) - len(DEPTHS)))) / noise


@cache
def _means(question: str, truth: Truth, noise: float) -> np.ndarray:
    """The mean curve of each depth in margins, ``(depth, epoch)``."""
    T, found = epochs(question), []
    recorded_means = _best(question).mean(axis=1) / _margin(question, noise)
    for mean, gain, wait in zip(recorded_means, truth.gains, truth.late, strict=True):
        start = mean[0] - 0.1 * (mean[-1] - mean[0])  # the value before the first epoch
        when = np.maximum((np.arange(1, T + 1) / T - wait) / (1 - wait), 0.0) * T
        curve = np.interp(when, np.arange(T + 1), [start, *mean])
        risen = (curve - start) / max(curve[-1] - start, 1e-9)
        found.append(curve - curve[-1] + gain * risen)
    return np.array(found)
