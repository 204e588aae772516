"""What a strategy knows of a search before anything was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lamina.depth.ask.advice import Facts
from lamina.depth.ask.space import Range, Values
from lamina.depth.job import Job
from lamina.depth.judge.decision import decide
from lamina.depth.judge.outcome import Decision
from lamina.depth.plan.kinds import KINDS
from lamina.spec import Metric


@dataclass(frozen=True)
class Problem:
    """The question, its limits, and what trainings are expected to cost.

    depths:   those to choose among, shallow to deep.
    seeds:    trainings of a depth: as many, or at most so many where the strategy stops earlier.
    epochs:   of a whole training.
    metric: what a trial is scored by.
    margin, alpha, resolution, cost_per_layer: as :func:`lamina.depth.judge.decision.decide` takes
    them.
    looks:    how often the search was decided before, asked in other ways.
    space:    what may be tried beside the depth, by name; often nothing.
    trials:   settings that a strategy which samples the space may try, all depths together.
    facts:    what rules of thumb go by; None where nothing is known of the data.
    parallel: jobs that run side by side.
    epoch_seconds: of each depth, evaluation included, measured before the search.
    evaluation_seconds: the evaluation's part of that.
    budget_seconds: of training, at most about so long; None: no limit.
    """

    depths: tuple[int, ...]
    seeds: int
    epochs: int
    metric: Metric
    margin: float
    alpha: float = 0.05
    resolution: float = 0.0
    cost_per_layer: float = 0.0
    looks: int = 0
    space: Mapping[str, Values | Range] = field(default_factory=dict)
    trials: int = 20
    facts: Facts | None = None
    parallel: int = 1
    epoch_seconds: Mapping[int, float] = field(default_factory=dict)
    evaluation_seconds: Mapping[int, float] = field(default_factory=dict)
    budget_seconds: float | None = None

    def decide(self, utilities: Mapping[int, Sequence[float]], look: int = 1) -> Decision:
        """The decision at the ``look``-th look of this session. The one rule for all looks, whoever
        looks and for what: a look that leads to more trainings counts as the last one does."""
        return decide(
            utilities,
            self.margin,
            alpha=self.alpha,
            resolution=self.resolution,
            cost_per_layer=self.cost_per_layer,
            look=self.looks + look,
        )

    def seconds(self, job: Job) -> float:
        """What a job is expected to take from its beginning, in seconds; 0 where unknown."""
        epochs = self.epochs if job.epochs is None else min(job.epochs, self.epochs)
        epoch = KINDS[job.kind].epoch
        return epochs * epoch(job.depth, self.epoch_seconds, self.evaluation_seconds)
