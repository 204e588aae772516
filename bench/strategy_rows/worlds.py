"""Learning curves of searches whose truth is known, drawn after those of real trainings.

A recorded question gives, for each depth, how far the mean curve is from its end at each epoch,
how the seeds depart from it (their covariance over the epochs), and what an epoch costs. A truth
says where the curves end, in margins; a depth's gain grows as its curve rises. The noise is scaled
so that the final scores of a depth have the wanted standard deviation.
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


@dataclass(frozen=True)
class Truth:
    """gains: of each depth over the shallowest, in margins. right: the depths that may be
    recommended, none where only "undecided" is right.
    late: the shares of the epochs in which the depths stand still before they begin."""

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
    """Of an epoch of each depth, in proportion."""
    return {int(depth): ms for depth, ms in recorded()[question]["step_ms"].items()}


def epochs(question: str) -> int:
    """Of a whole training."""
    return len(recorded()[question]["curves"]["1"][0])


def draw(
    question: str, truth: Truth, noise: float, seeds: int, rng: np.random.Generator
) -> np.ndarray:
    """Utilities in margins, ``(depth, seed, epoch)``; the noise is in margins too."""
    means = _means(question, truth, noise)
    away = _away(question, (len(means), seeds), rng)
    return means[:, None] + _scale(question, noise) * away


@cache
def _means(question: str, truth: Truth, noise: float) -> np.ndarray:
    """The mean curve of each depth, ``(depth, epoch)``, so high that its best epoch is the gain of
    the truth: the best of many noisy epochs is else better than of few."""
    kept = recorded()[question]
    T, margin = epochs(question), kept["margin"]
    away = _scale(question, noise) * _away(question, (4000,), np.random.default_rng(0))
    found = []
    for depth, gain, wait in zip((1, 2, 3, 4, 5), truth.gains, truth.late, strict=True):
        mean = np.mean(kept["curves"][str(depth)], axis=0) / margin
        start = mean[0] - 0.1 * (mean[-1] - mean[0])  # what it is before the first epoch
        when = np.maximum((np.arange(1, T + 1) / T - wait) / (1 - wait), 0.0) * T
        mean = np.interp(when, np.arange(T + 1), [start, *mean])
        risen = (mean - start) / max(mean[-1] - start, 1e-9)
        curve = mean - mean[-1] + gain * risen
        found.append(curve - (float((curve + away).max(axis=1).mean()) - gain))
    return np.array(found)


def _away(question: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """How trainings depart from their mean curves: normal, with the recorded covariance over the
    epochs, pooled over depths; ``shape`` and then the epochs."""
    curves = [np.array(curve) for curve in recorded()[question]["curves"].values()]
    residuals = np.concatenate([x - x.mean(axis=0) for x in curves])
    dof = len(residuals) - len(curves)
    return rng.standard_normal((*shape, len(residuals))) @ residuals / np.sqrt(dof)


@cache
def _scale(question: str, noise: float) -> float:
    """What to multiply the recorded departures by, so that the best epochs of the trainings of a
    depth have the standard deviation ``noise``."""
    kept = recorded()[question]
    mean = np.mean(kept["curves"]["1"], axis=0) / kept["margin"]
    away, scale = _away(question, (4000,), np.random.default_rng(0)), 1 / kept["margin"]
    for _ in range(6):  # the best epoch is nearly in proportion to the noise
        scale *= noise / float((mean + scale * away).max(axis=1).std())
    return scale
