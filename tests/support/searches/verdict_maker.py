"""Verdicts made from numbers alone, for the tests of words, table and report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lamina.depth.ask.candidates import Candidate
from lamina.depth.ask.measure import Checked, Cost
from lamina.depth.job import Job
from lamina.depth.judge.decision import decide
from lamina.depth.run.winner import winner
from lamina.depth.tell import words
from lamina.depth.tell.cautions import cautions
from lamina.depth.tell.told import tell
from lamina.depth.tell.verdict import Tested, Verdict
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY, Metric


def make_verdict(
    values: Mapping[int, Sequence[float]],
    *,
    metric: Metric = ACCURACY,
    min_gain: float = 1.0,
    cost_per_layer: float = 0.0,
    source: str = "reviews.csv",
    checked: int = 2500,
    looks: tuple[int, ...] = (3,),
    step_ms: float | None = None,
    budget: int | None = None,
    baseline: float | None = None,
    improving: bool = False,
    asked: Sequence[int] = (),
) -> Verdict:
    """A verdict on the given values of the metric; not-a-number is a diverged seed.

    step_ms: the same for every depth; None: longer with depth. budget: as near as whole units
    come to it, the size of every depth; None: one width. improving: up to the last epoch.
    asked: the depths of the search, where not all were judged.
    """
    candidates = tuple(
        Candidate(d, 64, 20_000 + 25_000 * d)
        if budget is None
        else Candidate(d, 90 - d, budget - d)
        for d in asked or values
    )
    costs = tuple(
        Cost(d, step_ms or 2.0 + 6.0 * d, 100_000 * d, 900_000 * d) for d in asked or values
    )
    trials = tuple(
        Trial(
            Job(depth=d, seed=seed),
            20_000 + 25_000 * d,
            value if math.isfinite(value) else None,
            best_epoch=4 if improving else 3,
            epochs=4,
            steps=400,
            seconds=3.0 * d,
            tokens_per_second=1e5,
            step_ms=8.0 * d,
            curve=tuple(
                (epoch, metric.value(metric.utility(value) - 20 / epoch**2))
                for epoch in range(1, 5)
                if math.isfinite(value)
            ),
        )
        for d, scores in values.items()
        for seed, value in enumerate(scores)
    )
    utilities = {
        d: [metric.utility(v) if math.isfinite(v) else math.nan for v in scores]
        for d, scores in values.items()
    }
    decision = decide(
        utilities,
        metric.utility_gain(min_gain),
        cost_per_layer=metric.utility_gain(cost_per_layer),
        look=len(looks),
        baseline=None if baseline is None else metric.utility(baseline),
    )
    told = tell(decision, metric, trials, baseline, asked or values)
    about = Checked(checked, "validation examples")
    shown = decision.shown
    search: dict[str, Any] = {
        "task": {"name": "classify", "data": {"source": source}},
        "depths": list(values),
        "seeds": 3,
    }
    return Verdict(
        headline=words.headline(told),
        reasons=(
            *words.why(told, costs, winner(decision.shown, trials, metric), looks[-1]),
            *cautions(told, min_gain, trials, about, "constant"),
            words.about(told, candidates, about),
        ),
        metric=metric,
        min_gain=min_gain,
        decision=decision,
        candidates=candidates,
        costs=costs,
        trials=trials,
        checked=about,
        baseline=baseline,
        tested=None if shown is None else Tested(shown, 0, 0.9),
        looks=looks,
        search=search,
        versions={"lamina": "0.1"},
    )
