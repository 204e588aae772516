"""Screen all depths cheaply, then give seeds to those that keep the verdict open."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from lamina.depth.job import Job
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.racing import FIRST, LONGER, NEXT, Round, Run, next_round
from lamina.depth.plan.seeds import Limits
from lamina.depth.plan.strategies.base import Strategy
from lamina.depth.trials import Trial, longest, spent
from lamina.spec import Metric

#: Typical numbers of complete training runs in a race, of the shallowest depth and of the next,
#: chosen so that the announced time is most often right (measured by ``bench/strategies.py``).
USUAL = (5, 3)


class Race(Strategy):
    """The rules are in :mod:`lamina.depth.plan.racing`.

    A round depends only on the previous rounds, not on which of its jobs end first or where they
    run.
    """

    name = "race"

    def __init__(self, problem: Problem):
        super().__init__(problem)
        self.limits = Limits(
            # Not the measured seconds, which differ between machines: the requests must not.
            cost=tuple(float(depth) for depth in problem.depths),
            epochs=problem.epochs,
            seeds=problem.seeds,
            margin=problem.margin,
            alpha=problem.alpha,
            resolution=problem.resolution,
            looks=problem.looks,
        )
        self._ended: dict[str, Trial] = {}  # of completed rounds
        self._look = 1

    def ask(self) -> list[Job]:
        """The longest first: jobs of a round wait for each other, and in parallel the round then
        ends sooner (LPT: Graham 1969, SIAM Journal on Applied Mathematics 17)."""
        return sorted(self._advance()[1], key=self.problem.seconds, reverse=True)

    def expected_parts(self) -> list[list[Job]]:
        """The current requests; and, until the rest is known, a typical race: the two shallowest
        depths with some seeds, then the others to half-way."""
        jobs = self.ask()
        if not jobs:
            return []
        first = self._whole((FIRST, NEXT))
        more = [] if all(map(self.told, first)) else self._whole(USUAL)
        parts: list[list[Job]] = [jobs]
        for usual in (first, more, self._half_way()):
            known = {job for part in parts for job in part}
            parts.append([job for job in usual if job not in known and self.told(job) is None])
        begun = [job for part in parts for job in part]
        room = max(len(jobs), len(self._affordable(begun, self.trials.values())))
        within = set(begun[:room])
        return [[job for job in part if job in within] for part in parts]

    def _whole(self, counts: Sequence[int]) -> list[Job]:
        """The first complete training runs of the shallowest depths."""
        return [
            Job(depth=depth, seed=seed)
            for depth, count in zip(self.problem.depths, counts, strict=False)
            for seed in range(min(count, self.limits.seeds))
        ]

    def _half_way(self) -> list[Job]:
        """What the screen still has to train if it passes over no depth."""
        pause, (last, _) = self.limits.pause(LONGER), self._advance()
        if pause == self.limits.epochs:
            return []
        trained = {trial.depth for trial in self.trials.values() if trial.epochs >= pause}
        return [
            Job(depth=depth, seed=0, epochs=pause)
            for k, depth in enumerate(self.problem.depths)
            if k > 1 and k not in last.passed_over and depth not in trained
        ]

    def welcome(self) -> list[Job]:
        return self._whole([self.limits.seeds] * len(self.problem.depths))

    def judged(self) -> list[Trial]:
        """A training run that diverged in the screen counts as ended."""
        return [trial for trial in self.trials.values() if trial.whole or trial.diverged]

    @property
    def looks(self) -> int:
        self._advance()
        return self._look

    def saw(self) -> list[str]:
        last, _ = self._advance()
        depths = self.problem.depths
        told = [
            f"Depth {depths[k]} was passed over after {self._epochs(k)} of {self.limits.epochs}"
            " epochs: its learning curve was not on course to change the answer."
            for k in last.passed_over
        ]
        if last.wanted:
            told.append("The budget ran out before the race was over.")
        return told

    def _epochs(self, k: int) -> int:
        mine = (t for t in self.trials.values() if t.depth == self.problem.depths[k])
        return max(trial.epochs for trial in mine)

    def _advance(self) -> tuple[Round, list[Job]]:
        """The current round, with its unfinished jobs: none if the race is over."""
        while True:
            found = next_round(self._seen(), self.limits, self._look)
            wanted = [
                Job(depth=self.problem.depths[want.depth], seed=want.seed, epochs=want.epochs)
                for want in found.wanted
            ]
            jobs = self._affordable(wanted, self._ended.values())
            left = [job for job in jobs if self.told(job) is None]
            if left or not jobs:
                return found, left
            # Completed rounds are final and need not be replayed.
            self._ended |= {job.key: self.trials[job.key] for job in jobs}
            self._look += found.again

    def _affordable(self, jobs: Sequence[Job], done: Collection[Trial]) -> list[Job]:
        """The prefix of ``jobs`` that fits in the budget after ``done``; all if there is no budget.
        At least one until a verdict can be drawn."""
        if self.problem.budget_seconds is None:
            return list(jobs)
        left = self.problem.budget_seconds - spent(done)
        begun: dict[str, float] = {}
        for trial in done:
            seconds = self.problem.seconds(trial.job)
            begun[trial.job.run] = max(seconds, begun.get(trial.job.run, 0.0))
        found: list[Job] = []
        for job in jobs:
            left -= max(self.problem.seconds(job) - begun.get(job.run, 0.0), 0.0)
            if left < 0:
                break
            begun[job.run] = max(self.problem.seconds(job), begun.get(job.run, 0.0))
            found.append(job)
        scored = any(trial.whole and not trial.diverged for trial in done)
        return found if found or scored else list(jobs[:1])

    def _seen(self) -> list[list[Run]]:
        runs: dict[int, list[Run]] = {depth: [] for depth in self.problem.depths}
        for trial in sorted(longest(self._ended.values()), key=lambda trial: trial.seed):
            price = self.problem.cost_per_layer * trial.depth
            runs[trial.depth].append(run_of(trial, self.problem.metric, price))
        return list(runs.values())


def run_of(trial: Trial, metric: Metric, price: float = 0.0) -> Run:
    """The learning curve of a trial: its best utility up to each evaluation, minus the price of its
    layers (as in :func:`lamina.depth.judge.decision.decide`)."""
    if trial.diverged:
        return Run((trial.epochs,), (math.nan,), trial.whole)
    best, values = -math.inf, []
    for _, value in trial.curve:
        best = max(best, metric.utility(value) - price)
        values.append(best)
    epochs = [epoch for epoch, _ in trial.curve]
    if trial.job.epochs is not None and epochs[-1] < trial.job.epochs:
        epochs.append(trial.job.epochs)  # early stopping: its value is final
        values.append(best)
    return Run(epochs, values, trial.whole)
