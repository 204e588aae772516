"""What to bear in mind with a verdict: sentences beside the answer."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from lamina.depth.ask.measure import Checked
from lamina.depth.counted import layers, listed
from lamina.depth.judge.decision import Decision
from lamina.depth.tell.words import amount, gain_percent, percent
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY, Metric

#: Where choosing the best epoch moves a gain by more than this share of the margin, it is said.
CHOICE = 0.25
#: A validation part in which the smallest gain is fewer examples than this is called small.
FEW = 5


def cautions(
    decision: Decision,
    metric: Metric,
    min_gain: float,
    trials: Sequence[Trial],
    checked: Checked,
    baseline: float | None,
    schedule: str,
) -> tuple[str, ...]:
    """What may make the verdict less than it seems, one sentence each; often nothing.

    schedule: of the learning rate, as in :class:`lamina.train.Settings`.
    """
    found = [*_chance(decision, metric, baseline), *_unfinished(trials), *_unstable(decision)]
    found += _chosen_epoch(decision, metric, trials, schedule)
    if metric.gain == "points" and checked.count * min_gain < FEW * 100:
        # Of other metrics an example's worth differs from one to the next.
        worth = f"one example in it is worth {amount(metric, 100 / checked.count)}"
        size = f"{checked.count:,} {checked.what.removeprefix('validation ')}"
        told = worth if metric.name == ACCURACY.name else size
        found.append(f"The validation part is small: {told}.")
    return tuple(found)


def _chance(decision: Decision, metric: Metric, baseline: float | None) -> list[str]:
    stable = [score for score in decision.scores if score.mean is not None]
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
    judged = [trial for trial in trials if not trial.diverged and len(trial.curve) > 1]
    improving = [trial for trial in judged if trial.best_epoch == trial.epochs]
    if 2 * len(improving) <= len(judged):
        return []
    return [
        "Most trainings were still improving at their last epoch: with more epochs the answer may"
        " differ."
    ]


def _unstable(decision: Decision) -> list[str]:
    """Trainings that failed, with the rate that this allows, and spreads that differ."""
    told = []
    for score in decision.scores:
        ends = (
            (score.diverged, "diverged"),
            (score.stuck, "got stuck far below the others"),
        )
        what = listed([f"{n} of {score.seeds} {how}" for n, how in ends if n])
        if what:
            low, high = (f"{100 * share:.0f}%" for share in (score.fails_low, score.fails_high))
            told.append(
                f"Depth {score.depth}: {what}; so {low} to {high} of its trainings may fail"
                f" ({percent(decision.confidence)} interval)."
            )
    if decision.spread_growth is not None:
        first, last = decision.scores[0].depth, decision.scores[-1].depth
        told.append(
            f"Deeper is less steady: between seeds, {layers(last)} spread about"
            f" {decision.spread_growth:.1f} times as much as {layers(first)}."
        )
    broad = [score.depth for score in decision.scores if score.wide]
    if broad and decision.spread_growth is None:
        told.append(
            f"Depth {listed([str(d) for d in broad])} spreads more between seeds than the others."
        )
    return told


def _chosen_epoch(
    decision: Decision, metric: Metric, trials: Sequence[Trial], schedule: str
) -> list[str]:
    """Where one depth owes more than another to the best of its epochs being taken."""
    lift = {
        depth: statistics.fmean(lifts)
        for depth in {trial.depth for trial in trials}
        if (lifts := [_lift(t, metric) for t in trials if t.depth == depth and _long(t)])
    }
    if len(lift) < 2:
        return []
    most, least = max(lift, key=lift.__getitem__), min(lift, key=lift.__getitem__)
    difference = lift[most] - lift[least]
    if difference <= CHOICE * decision.margin:
        return []
    steadier = " A learning rate that falls to the end (--schedule cosine) steadies them."
    return [
        f"A score is that of a training's best epoch. As its curves jump more from epoch to epoch,"
        f" that lifts depth {most} by {amount(metric, gain_percent(metric, difference))} more than"
        f" depth {least}." + (steadier if schedule == "constant" else "")
    ]


def _long(trial: Trial) -> bool:
    return trial.value is not None and len(trial.curve) >= 3


def _lift(trial: Trial, metric: Metric) -> float:
    """How far the best epoch stands above the best mean of three neighbouring ones."""
    curve = [metric.utility(value) for _, value in trial.curve]
    return max(curve) - max(map(statistics.fmean, zip(curve, curve[1:], curve[2:], strict=False)))
