"""Comparing depths when settings are tuned too: one rule for every strategy that tunes.

**The rule.**

1. *Choose.* Settings are tried at each depth, with seeds from :data:`CHOOSING` on. A depth's
   setting is the one whose training runs there got furthest (complete ones before paused ones),
   and among these the one with the best mean utility; a setting with a diverged run does not
   count. If all diverged, it is the first combination of a space of values, and in a space with
   ranges nothing is changed.
2. *Judge.* Each depth is trained with its setting and the seeds 0, 1, 2, ..., which played no part
   in the choice. The verdict is based on these runs alone.

The best of several noisy scores is too good, and more so the more were tried: part of it is luck
(the winner's curse; for validation scores Cawley and Talbot 2010, JMLR 11). The score of the run
that selected a setting would flatter its depth; a new seed has independent luck. Every depth gets
the same number of settings, so that none is better tuned than another.

**Limitations.** All seeds are scored on the same validation part. A setting that suits just this
part is still preferred, equally at every depth. And a depth is compared at the quality of its
tuning: with few settings, a depth that would win with its best one may lose.
"""

from __future__ import annotations

import math
import statistics
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from lamina.depth.ask.space import Range, Values, combinations
from lamina.depth.job import Job, Value, changed
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.rounds import Planned, RoundPlan, in_rounds
from lamina.depth.trials import Trial, spent

#: The first seed used for choosing settings; seeds for judging are below it.
CHOOSING = 10_000
#: The share of a budget that choosing may take.
SHARE = 0.5

Changes = tuple[tuple[str, Value], ...]


class Tuned(Planned):
    """Chooses a setting for each depth, then judges the depths. With nothing to choose from, it
    judges at once: every depth with the first seed, then every depth with the second.

    Subclasses define how settings are chosen.
    """

    @classmethod
    def check(cls, space: Mapping[str, Values | Range]) -> None:
        pass

    def __init__(self, problem: Problem):
        super().__init__(problem)
        values_only = not any(isinstance(choice, Range) for choice in problem.space.values())
        every = combinations(problem.space) if values_only else []
        #: The fallback for a depth at which every training run diverged.
        self.fallback: Changes = changed(every[0]) if every else ()
        self.chooses = len(every) != 1

    @abstractmethod
    def choosing(self, limit: float | None) -> RoundPlan:
        """The training runs still needed to choose settings. ``limit``: approximate seconds."""

    @property
    def tried(self) -> int:
        """Settings per depth, given enough time."""
        return max(1, self.problem.trials // len(self.problem.depths))

    def judged(self) -> list[Trial]:
        if self._choosing().asked:
            return []
        settings = {depth: self.setting(depth) for depth in self.problem.depths}
        return [
            trial
            for trial in self.trials.values()
            if trial.whole
            and trial.seed < CHOOSING
            and trial.job.changes == settings.get(trial.depth)
        ]

    def setting(self, depth: int) -> Changes:
        """The best so far, by the rule above; ties go to the first by name and value."""
        scores: dict[Changes, dict[float, list[float]]] = {}
        for trial in self.choices():
            if trial.depth == depth:
                epochs = math.inf if trial.job.epochs is None else trial.job.epochs
                by_epochs = scores.setdefault(trial.job.changes, {})
                by_epochs.setdefault(epochs, []).append(trial.utility(self.problem.metric))
        ranked: list[tuple[float, float, Changes]] = []
        for changes, by_epochs in sorted(scores.items(), key=lambda item: str(item[0])):
            utilities = by_epochs[furthest := max(by_epochs)]
            if all(map(math.isfinite, utilities)):
                ranked.append((furthest, statistics.fmean(sorted(utilities)), changes))
        return max(ranked, key=lambda r: r[:2], default=(0.0, 0.0, self.fallback))[2]

    def choices(self) -> list[Trial]:
        """The training runs used to choose settings."""
        return [trial for trial in self.trials.values() if trial.seed >= CHOOSING]

    def saw(self) -> Sequence[str]:
        late = super().saw()
        if not self.chooses or self._choosing().asked:
            return late
        told = [
            *late,
            "Each depth was judged at the best setting found for it, with seeds of its own.",
        ]
        for depth in self.problem.depths:
            tried = {t.job.changes for t in self.choices() if t.depth == depth}
            told.append(
                f"Depth {depth}: {words(self.setting(depth))}, chosen from {len(tried)}"
                f" {'setting' if len(tried) == 1 else 'settings'}."
            )
        return [*told, *self._at_the_edge()]

    def _at_the_edge(self) -> list[str]:
        """Numbers for which every depth chose the largest, or the smallest, value tried."""
        told = []
        for name in self.problem.space:
            tried = {dict(trial.job.changes)[name] for trial in self.choices()}
            taken = {dict(self.setting(depth))[name] for depth in self.problem.depths}
            if len(tried) < 2 or len(taken) > 1 or not all(map(_is_number, tried)):
                continue
            for edge, which in ((max, "largest"), (min, "smallest")):
                if taken == {edge(tried)}:  # type: ignore[type-var]
                    told.append(
                        f"For every depth the {which} {name} that was tried was the best:"
                        f" one beyond {next(iter(taken))} may be better still."
                    )
        return told

    def _choosing(self) -> RoundPlan:
        if not self.chooses:
            return RoundPlan([], [])
        budget = self.problem.budget_seconds
        return self.choosing(None if budget is None else SHARE * budget)

    def plan(self) -> RoundPlan:
        problem, choosing = self.problem, self._choosing()
        settings = {depth: self.setting(depth) for depth in problem.depths}

        def judging(seed: int) -> list[Job]:
            return [Job(depth=d, seed=seed, changes=settings[d]) for d in problem.depths]

        took = spent(self.choices()) + sum(
            {job.run: problem.seconds(job) for job in choosing.expected}.values()
        )
        judged = in_rounds(self, problem.seeds, judging, limit=problem.budget_seconds, before=took)
        if choosing.asked:  # the settings may still change
            return RoundPlan(choosing.asked, [*choosing.expected, *judged.expected])
        return judged


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def replicated(depth: int, settings: Sequence[Changes]) -> list[Job]:
    """A training run for each setting; repeated settings get successive seeds."""
    seen: dict[Changes, int] = {}
    jobs = []
    for changes in settings:
        again = seen[changes] = seen.get(changes, -1) + 1
        jobs.append(Job(depth=depth, seed=CHOOSING + again, changes=changes))
    return jobs


def words(changes: Changes) -> str:
    """``lr 0.003, width 128``."""
    return ", ".join(f"{name} {value}" for name, value in changes) or "as the search is set"
