"""Wall-clock time of parallel training runs."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping

from lamina.depth.job import Job


def makespan(seconds: Iterable[float], workers: int) -> float:
    """The wall-clock time until the last of several training runs ends, in seconds, when each in
    turn goes to the first free worker (list scheduling: Graham 1966, Bell System Technical Journal
    45)."""
    free = [0.0] * max(workers, 1)
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def remaining(
    jobs: Iterable[Job], done: Iterable[Job], seconds: Callable[[Job], float]
) -> Mapping[str, float]:
    """The expected remaining seconds of each training run of ``jobs``, given those in ``done``, by
    run and in the order of the jobs. ``seconds`` gives the time of a job from its beginning; a
    paused one resumes from its pause."""
    begun: dict[str, float] = {}
    for job in done:
        begun[job.run] = max(seconds(job), begun.get(job.run, 0.0))
    rest: dict[str, float] = {}
    for job in jobs:
        left = max(seconds(job) - begun.get(job.run, 0.0), 0.0)
        rest[job.run] = max(left, rest.get(job.run, 0.0))
    return rest
