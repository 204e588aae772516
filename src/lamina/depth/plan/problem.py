"""What a strategy knows about a search before anything has been trained."""

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
    """The question, its limits, and the expected cost of training runs.

    Attributes:
        depths: those to choose from, in ascending order.
        seeds: training runs per depth: exactly, or at most if the strategy stops earlier.
        epochs: of a complete training run.
        metric: scores the trials.
        margin, alpha, resolution, cost_per_layer: as in :func:`lamina.depth.judge.decision.decide`.
        looks: number of earlier decisions of this search, asked in other ways.
        baseline: the value of the best answer that reads no input; None if unknown.
        space: what may be varied besides the depth, by name; often empty.
        trials: settings that a sampling strategy may try, over all depths.
        facts: input of the rules of thumb; None if nothing is known about the data.
        parallel: jobs that run side by side.
        epoch_seconds: of each depth, including evaluation, measured before the search.
        evaluation_seconds: the share of evaluation in that.
        budget_seconds: approximate limit on training time; None: no limit.
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
    baseline: float | None = None
    space: Mapping[str, Values | Range] = field(default_factory=dict)
    trials: int = 20
    facts: Facts | None = None
    parallel: int = 1
    epoch_seconds: Mapping[int, float] = field(default_factory=dict)
    evaluation_seconds: Mapping[int, float] = field(default_factory=dict)
    budget_seconds: float | None = None

    def decide(self, utilities: Mapping[int, Sequence[float]], look: int = 1) -> Decision:
        """The decision at the ``look``-th look of this session. All looks use this one rule,
        whatever their purpose: a look that triggers more training counts like the final one."""
        return decide(
            utilities,
            self.margin,
            alpha=self.alpha,
            resolution=self.resolution,
            cost_per_layer=self.cost_per_layer,
            look=self.looks + look,
            baseline=None if self.baseline is None else self.metric.utility(self.baseline),
        )

    def seconds(self, job: Job) -> float:
        """The expected time of a job from its beginning, in seconds; 0 if unknown."""
        epochs = self.epochs if job.epochs is None else min(job.epochs, self.epochs)
        epoch = KINDS[job.kind].epoch
        return epochs * epoch(job.depth, self.epoch_seconds, self.evaluation_seconds)
