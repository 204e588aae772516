"""Two objectives: the score, and the time of a training step."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from msgspec import Struct

from lamina.depth.job import Value
from lamina.depth.trials import Trial
from lamina.spec import Metric


class Point(Struct, frozen=True):
    """A depth with a setting (``changes``): its score and its median time of a training step, each
    the mean over this many training runs (``trainings``)."""

    depth: int
    changes: tuple[tuple[str, Value], ...]
    trainings: int
    value: float
    step_ms: float


def pareto_front(trials: Iterable[Trial], metric: Metric) -> tuple[Point, ...]:
    """The points that no other one beats: at least as good in both objectives and better in one.
    Fast to slow.

    Only complete training runs count; a setting with a diverged run is left out.
    """
    found: dict[tuple[int, tuple[tuple[str, Value], ...]], list[Trial]] = {}
    for trial in trials:
        if trial.whole:
            found.setdefault((trial.depth, trial.job.changes), []).append(trial)
    points = [
        Point(
            depth,
            changes,
            len(same),
            metric.value(statistics.fmean(sorted(t.utility(metric) for t in same))),
            statistics.fmean(sorted(t.step_ms for t in same)),
        )
        for (depth, changes), same in found.items()
        if not any(trial.diverged for trial in same)
    ]
    points.sort(key=lambda p: (p.step_ms, -metric.utility(p.value), p.depth, str(p.changes)))
    front: list[Point] = []
    for point in points:  # from fast to slow: must beat all faster ones
        if not front or metric.better(point.value, front[-1].value):
            front.append(point)
    return tuple(front)
