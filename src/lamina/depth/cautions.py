"""What to bear in mind with a verdict: sentences beside the answer."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.decision import Decision
from lamina.depth.measure import Checked
from lamina.depth.trials import Trial
from lamina.depth.words import amount
from lamina.spec import Metric

#: The error rates of the decision are measured for up to this many looks at one search.
LOOKS_COVERED = 4
#: A validation part in which the smallest gain is fewer examples than this is called small.
FEW = 5


def cautions(
    decision: Decision,
    metric: Metric,
    min_gain: float,
    trials: Sequence[Trial],
    checked: Checked,
    looks: Sequence[int],
    baseline: float | None,
) -> tuple[str, ...]:
    """What may make the verdict less than it seems, one sentence each; often nothing."""
    found = [*_chance(decision, metric, baseline), *_unfinished(trials), *_unstable(decision)]
    if metric.gain == "points" and checked.count * min_gain < FEW * 100:
        found.append(
            f"The validation part is small: one example in it is worth"
            f" {amount(metric, 100 / checked.count)}."
        )
    if len(looks) > LOOKS_COVERED:
        found.append(
            f"This search has been decided {len(looks)} times as seeds were added; its error rates"
            f" are known for up to {LOOKS_COVERED}, so take it with more care."
        )
    return tuple(found)


def _chance(decision: Decision, metric: Metric, baseline: float | None) -> list[str]:
    stable = [score for score in decision.scores if score.mean is not None and not score.diverged]
    if baseline is None or not stable:
        return []
    edge = metric.utility(baseline) + decision.margin
    for score in stable:
        known = score.mean if score.low is None else score.low  # one seed has no interval
        if known is not None and known > edge:
            return []
    return [
        f"No depth is clearly better than an answer without a network ({metric.show(baseline)}):"
        " more epochs or more data come before more layers."
    ]


def _unfinished(trials: Sequence[Trial]) -> list[str]:
    whole = [trial for trial in trials if trial.whole and not trial.diverged]
    judged = [trial for trial in whole if len(trial.curve) > 1]
    improving = [trial for trial in judged if trial.best_epoch == trial.epochs]
    if 2 * len(improving) <= len(judged):
        return []
    return [
        "Most trainings were still improving at their last epoch: with more epochs the answer may"
        " differ."
    ]


def _unstable(decision: Decision) -> list[str]:
    return [
        f"Depth {score.depth} is unstable: {score.diverged} of {score.seeds}"
        f" {'seed' if score.seeds == 1 else 'seeds'} diverged, so it was left out."
        for score in decision.scores
        if score.diverged
    ]
