"""Settings proposed by a model of the results so far."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from lamina.depth.ask.space import Range, Setting, Values, rounded
from lamina.depth.job import Job, changed
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.rounds import RoundPlan, in_rounds
from lamina.depth.plan.tuned import CHOOSING, Tuned
from lamina.depth.trials import Trial

#: Training runs before the first proposal; until then, settings are drawn at random.
DRAWN = 10


class Bayes(Tuned):
    """Tree-structured Parzen estimators (Bergstra et al. 2011, NIPS 24, section 4), as implemented
    by optuna: settings with good results so far against the others, all options jointly.

    Each round has one training run per depth. A proposal for any depth learns from all depths: the
    model sees how much better each run was than the mean of its depth, so that the level of each
    depth cancels. A suitable learning rate, say, seldom differs much from one depth to the next,
    and a few runs of a single depth would reveal little.

    A round depends only on all earlier ones, and its proposals come from a generator of its own, so
    a search resumed elsewhere proposes the same. Within a round depths run side by side; with fewer
    depths than machines some are idle.
    """

    name = "bayes"
    #: The optimised goals, all larger-is-better: one ``maximize`` per number in :meth:`goals`.
    directions: ClassVar[tuple[Literal["minimize", "maximize"], ...]] = ("maximize",)

    def __init__(self, problem: Problem):
        super().__init__(problem)
        #: Derived from the recorded trials; cached because proposals take time.
        self._rounds: list[list[Job]] = []

    def goals(self, trial: Trial) -> tuple[float, ...]:
        """The results of a training run; NaN if it diverged."""
        return (trial.utility(self.problem.metric),)

    def choosing(self, limit: float | None) -> RoundPlan:
        return in_rounds(self, self.tried, self._round, limit=limit, chained=True)

    def _round(self, k: int) -> list[Job]:
        while len(self._rounds) <= k:
            jobs = [job for jobs in self._rounds for job in jobs]
            trials = [trial for job in jobs if (trial := self.told(job)) is not None]
            if len(trials) < len(jobs):  # not known yet
                return [Job(depth=d, seed=CHOOSING + k) for d in self.problem.depths]
            self._rounds.append(self._propose(trials))
        return self._rounds[k]

    def _propose(self, trials: list[Trial]) -> list[Job]:
        found = []
        for index, depth in enumerate(self.problem.depths):
            changes = changed(self._ask(trials, seed=len(trials) + index))
            again = sum(t.depth == depth and t.job.changes == changes for t in trials)
            found.append(Job(depth=depth, seed=CHOOSING + again, changes=changes))
        return found

    def _ask(self, trials: list[Trial], seed: int) -> Setting:
        import optuna  # slow to import, and few searches propose

        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            distributions = {
                name: _distribution(optuna, choice) for name, choice in self.problem.space.items()
            }
            sampler = optuna.samplers.TPESampler(
                seed=seed, multivariate=True, n_startup_trials=DRAWN
            )
            study = optuna.create_study(directions=list(self.directions), sampler=sampler)
            for trial, values in zip(trials, self._centred(trials), strict=True):
                params = dict(trial.job.changes)
                study.add_trial(
                    optuna.trial.create_trial(
                        params=params, distributions=distributions, values=values
                    )
                )
            proposed = study.ask(distributions).params
        finally:
            optuna.logging.set_verbosity(before)
        return {
            name: rounded(choice, proposed[name]) if isinstance(choice, Range) else proposed[name]
            for name, choice in self.problem.space.items()
        }

    def _centred(self, trials: Sequence[Trial]) -> list[list[float]]:
        """The goals of each training run minus the mean of its depth; a diverged run is placed a
        margin below the worst."""
        goals = [self.goals(trial) for trial in trials]
        columns: list[list[float]] = []
        for column in zip(*goals, strict=True):
            levels = {
                depth: statistics.fmean(
                    [
                        value
                        for value, trial in zip(column, trials, strict=True)
                        if trial.depth == depth and math.isfinite(value)
                    ]
                    or [0.0]
                )
                for depth in self.problem.depths
            }
            centred = [v - levels[t.depth] for v, t in zip(column, trials, strict=True)]
            worst = min((v for v in centred if math.isfinite(v)), default=0.0)
            last = worst - self.problem.margin
            columns.append([v if math.isfinite(v) else last for v in centred])
        return [list(values) for values in zip(*columns, strict=True)]


def _distribution(optuna: Any, choice: Values | Range) -> Any:
    if not isinstance(choice, Range):
        return optuna.distributions.CategoricalDistribution(choice)
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return optuna.distributions.IntDistribution(choice.low, choice.high, log=choice.log)
    low, high = float(choice.low), float(choice.high)
    return optuna.distributions.FloatDistribution(low, high, log=choice.log)
