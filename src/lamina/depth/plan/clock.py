"""Time by the clock of trainings that run side by side."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping

from lamina.depth.job import Job


def makespan(seconds: Iterable[float], workers: int) -> float:
    """When the last of several trainings ends, in seconds, where each in its turn goes to the
    worker that is free first (list scheduling: Graham 1966, Bell System Technical Journal 45)."""
    free = [0.0] * max(workers, 1)
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def remaining(
    jobs: Iterable[Job], done: Iterable[Job], seconds: Callable[[Job], float]
) -> Mapping[str, float]:
    """What each training of ``jobs`` is expected to take from where ``done`` leaves it, in seconds,
    by its run, in the order of the jobs. ``seconds`` says it of a job from its beginning; one that
    is paused goes on from there."""
    begun: dict[str, float] = {}
    for job in done:
        begun[job.run] = max(seconds(job), begun.get(job.run, 0.0))
    rest: dict[str, float] = {}
    for job in jobs:
        left = max(seconds(job) - begun.get(job.run, 0.0), 0.0)
        rest[job.run] = max(left, rest.get(job.run, 0.0))
    return rest
