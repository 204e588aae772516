"""A simulated world for strategies: it answers a job at once, with a synthetic learning curve."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from lamina.depth.ask.space import Range
from lamina.depth.job import Job
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies import Strategy
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY

#: More jobs than this are taken for a search without an end.
ENDLESS = 2000

PLAIN = Problem(
    depths=(1, 2, 3),
    seeds=3,
    epochs=9,
    metric=ACCURACY,
    margin=1.0,
    resolution=0.05,
    epoch_seconds={1: 1.0, 2: 2.0, 3: 3.0},
)
VALUES = replace(PLAIN, space={"lr": (0.001, 0.003, 0.01), "width": (32, 64)}, trials=9)
RANGES = replace(
    PLAIN,
    seeds=2,
    epochs=10,
    space={"lr": Range(1e-4, 1e-1, log=True), "width": Range(16, 64), "norm": ("none", "layer")},
    trials=15,
)
#: By name: without and with settings that vary, wide, tiny, and with unknown costs.
PROBLEMS: dict[str, Problem] = {
    "plain": PLAIN,
    "wide": replace(PLAIN, depths=(1, 2, 4, 8), seeds=2, epochs=27, parallel=4),
    "tiny": replace(PLAIN, depths=(2,), seeds=1, epochs=1, epoch_seconds={}),
    "values": VALUES,
    "one value": replace(PLAIN, space={"lr": (0.003,)}),
    "ranges": RANGES,
    "tiny with settings": replace(VALUES, depths=(3,), seeds=1, epochs=1, epoch_seconds={}),
}


def never(job: Job) -> bool:
    """No training diverges."""
    return False


@dataclass(frozen=True)
class World:
    """What a training comes to: a curve that rises to the level of its depth and setting, with
    noise of its seed; ``pace`` times as long as was expected.

    level: utility of each depth after many epochs; deeper ones rise more slowly.
    diverges: which trainings break off.
    """

    problem: Problem
    level: Callable[[int], float] = lambda depth: 80.0 + 2.0 * min(depth, 2)
    noise: float = 0.4
    pace: float = 1.1
    diverges: Callable[[Job], bool] = never

    def run(self, job: Job) -> Trial:
        """Train."""
        epochs = job.epochs or self.problem.epochs
        bad = self.diverges(job)
        curve = [(e, ACCURACY.value(self.utility(job, job.depth, e))) for e in range(1, epochs + 1)]
        best_epoch, value = max(curve, key=lambda point: point[1])
        several: dict[int, list[tuple[int, float]]] = {}
        if job.kind in ("exits", "relax"):
            for depth in (d for d in self.problem.depths if d <= job.depth):
                points = [ACCURACY.value(self.utility(job, depth, e)) for e in range(1, epochs + 1)]
                several[depth] = list(enumerate(points, 1))
            curve = max(several.values(), key=lambda points: max(v for _, v in points))
            best_epoch, value = max(curve, key=lambda point: point[1])
        seconds = self.pace * epochs * self.problem.epoch_seconds.get(job.depth, 1.0 * job.depth)
        return Trial(
            job,
            parameters=1000 * job.depth,
            value=None if bad else value,
            best_epoch=0 if bad else best_epoch,
            epochs=1 if bad else epochs,
            steps=10 * epochs,
            seconds=seconds / 2 if bad else seconds,
            tokens_per_second=1e4,
            step_ms=job.depth * float(dict(job.changes).get("width", 32)) / 32,
            curve=() if bad else tuple(curve),
            values=tuple(
                (d, None if bad else max(v for _, v in points)) for d, points in several.items()
            ),
            curves=tuple((d, () if bad else tuple(points)) for d, points in several.items()),
            shares=self.shares(job) if job.kind == "relax" and not bad else (),
        )

    def shares(self, job: Job) -> tuple[tuple[int, float], ...]:
        """The choice of depth that a relaxed training learns: the first that is about the best."""
        depths = self.problem.depths
        levels = [self.utility(job, depth, self.problem.epochs) - 0.1 * depth for depth in depths]
        weights = [math.exp(level - max(levels)) for level in levels]
        return tuple((d, w / sum(weights)) for d, w in zip(depths, weights, strict=True))

    def utility(self, job: Job, depth: int, epoch: int) -> float:
        """Of the job's training, or of the exit at ``depth`` of it, after ``epoch``."""
        # Not hash(), which differs from one process to the next.
        name = zlib.crc32(repr((depth, job.seed, job.kind, job.changes)).encode())
        luck = float(np.random.default_rng(name).standard_normal())
        setting = self.setting(job)
        return self.level(depth) + setting + self.noise * luck - 4.0 * depth / (epoch + depth)

    @staticmethod
    def setting(job: Job) -> float:
        """What the job's setting is worth: best at a learning rate of 0.003, wide."""
        changes = dict(job.changes)
        lr = float(changes.get("lr", 0.003))
        return -abs(math.log(lr / 0.003)) + float(changes.get("width", 32)) / 64


Choice = Callable[[list[Job]], Job]


def first(jobs: list[Job]) -> Job:
    """The most urgent."""
    return jobs[0]


def shuffled(seed: int) -> Choice:
    """Any."""
    return random.Random(seed).choice


def play(
    strategy: Strategy,
    world: World,
    choose: Choice = first,
    *,
    size: int = 1,
    stop_after: int | None = None,
    seen: Callable[[Strategy], None] = lambda strategy: None,
) -> list[Trial]:
    """Run what ``strategy`` asks for, ``size`` side by side; ``choose`` says which of the running
    ones ends next. Returns what ended, in that order; ``seen`` looks on before each."""
    running: list[Job] = []
    ended: list[Trial] = []
    while True:
        seen(strategy)
        asked = strategy.ask()
        for job in running:
            assert job in asked, f"{job} is running and is no longer asked for"
        for job in asked if size > 1 else [choose(asked)] if asked else []:
            if len(running) < size and job not in running:
                running.append(job)
        if not running or len(ended) == stop_after:
            return ended
        assert len(ended) < ENDLESS, f"{strategy.name} does not end"
        job = choose(running)
        running.remove(job)
        trial = world.run(job)
        strategy.tell(trial)
        ended.append(trial)


def told(kind: type[Strategy], problem: Problem, trials: Iterable[Trial]) -> Strategy:
    """A new strategy that knows ``trials``."""
    strategy = kind(problem)
    for trial in trials:
        strategy.tell(trial)
    return strategy


def outcome(strategy: Strategy) -> tuple[object, ...]:
    """What a search comes to, in a form that compares not-a-number as equal."""
    evidence = {
        depth: [None if math.isnan(u) else u for u in us]
        for depth, us in strategy.evidence().items()
    }
    judged = sorted(trial.job.key for trial in strategy.judged())
    return evidence, judged, strategy.looks, tuple(strategy.saw()), tuple(strategy.front())
