"""Reservations about a verdict: sentences shown next to the answer."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.depth.ask.measure import Checked
from lamina.depth.phrases import layers, listed
from lamina.depth.tell.told import Told, amount
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY

#: A validation part is called small if the smallest gain is fewer examples than this.
FEW = 5


def cautions(
    told: Told, min_gain: float, trials: Sequence[Trial], checked: Checked, schedule: str
) -> tuple[str, ...]:
    """Reasons to treat the verdict with care, one sentence each; often none.

    Args:
        told: the decision.
        min_gain: the smallest worthwhile gain, in points or percent.
        trials: the judged trials.
        checked: the amount of validation data.
        schedule: of the learning rate, as in :class:`lamina.train.Settings`.
    """
    found = [*_chance(told), *_unfinished(trials), *_unstable(told), *_best_epoch(told, schedule)]
    if told.metric.gain == "points" and checked.count * min_gain < FEW * 100:
        # Only for accuracy does every example have the same weight.
        worth = f"one example is worth {amount(told.metric, 100 / checked.count)}"
        size = f"{checked.count:,} {checked.what.removeprefix('validation ')}"
        small = worth if told.metric.name == ACCURACY.name else size
        found.append(f"The validation part is small: {small}.")
    return tuple(found)


def _chance(told: Told) -> list[str]:
    if told.beats_baseline is not False or told.decision.senseless:
        return []  # or it has been said
    return [
        f"No depth is clearly better than an answer without a network ({told.baseline_text}):"
        " try more epochs or more data before more layers."
    ]


def _unfinished(trials: Sequence[Trial]) -> list[str]:
    judged = [trial for trial in trials if not trial.diverged and len(trial.curve) > 1]
    improving = [trial for trial in judged if trial.best_epoch == trial.epochs]
    if 2 * len(improving) <= len(judged):
        return []
    return [
        "Most training runs were still improving at their last epoch; with more epochs the answer"
        " may differ."
    ]


def _unstable(told: Told) -> list[str]:
    """Failed runs, with the failure rates they are compatible with, and unequal spreads."""
    found = []
    for score in told.decision.scores:
        ends = (
            (score.diverged, "diverged"),
            (score.stuck, "got stuck far below the others"),
        )
        what = listed([f"{n} of {score.seeds} {how}" for n, how in ends if n])
        if what:
            fails = f"{100 * score.fails_low:.0f}% to {100 * score.fails_high:.0f}%"
            found.append(
                f"Depth {score.depth}: {what}; its failure rate may be anywhere from {fails}"
                f" ({told.confidence} interval)."
            )
    growth = told.decision.spread_growth
    if growth is not None:
        first, last = told.scores[0].depth, told.scores[-1].depth
        found.append(
            f"Deeper networks vary more: between seeds, {layers(last)} spread about"
            f" {growth:.1f} times as much as {layers(first)}."
        )
    broad = [score.depth for score in told.decision.scores if score.wide]
    if broad and growth is None:
        verb = "varies" if len(broad) == 1 else "vary"
        found.append(f"Depth {listed(broad)} {verb} more between seeds than the others.")
    return found


def _best_epoch(told: Told, schedule: str) -> list[str]:
    """A depth that benefits more than another from scoring the best epoch."""
    if told.best_epoch is None:
        return []
    most, least, difference = told.best_epoch
    steadier = " A learning rate that decays to zero (--schedule cosine) steadies them."
    return [
        f"Each score is that of a run's best epoch, which favours depth {most} over depth {least}"
        f" by {difference}: its curves fluctuate more from epoch to epoch."
        + (steadier if schedule == "constant" else "")
    ]
