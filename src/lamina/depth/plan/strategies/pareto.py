"""Two objectives: the score, and the time of a training step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lamina.depth.phrases import counted
from lamina.depth.plan.front import Point, pareto_front
from lamina.depth.plan.strategies.bayes import Bayes
from lamina.depth.plan.tuned import words
from lamina.depth.trials import Trial


class Pareto(Bayes):
    """Like ``bayes``, but settings are proposed for both a good score and a fast step, and the
    Pareto front of the results is reported. Depths are judged by score alone.

    Times are those of the training run itself; other load on the machine adds noise.
    """

    name = "pareto"
    directions = ("maximize", "maximize")

    def goals(self, trial: Trial) -> tuple[float, ...]:
        """The utility, and the logarithm of steps per second, since times differ by factors."""
        return (*super().goals(trial), -math.log(max(trial.step_ms, 1e-9)))

    def front(self) -> Sequence[Point]:
        return pareto_front(self.trials.values(), self.problem.metric)

    def saw(self) -> Sequence[str]:
        told = []
        for point in self.front():
            told.append(
                f"Not beaten in both score and time: depth {point.depth}, {words(point.changes)}:"
                f" {self.problem.metric.name} {self.problem.metric.show(point.value)} at"
                f" {point.step_ms:.3g} ms a step ({counted(point.trainings, 'training run')})."
            )
        return (*super().saw(), *told)
