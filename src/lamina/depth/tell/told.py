"""A decision in user-facing units, computed once; words, tables, charts and the report never see
utilities."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lamina.depth.judge.outcome import Decision, Gain, Score
from lamina.depth.trials import Trial
from lamina.spec import Metric

#: The effect of using the best epoch is reported if it changes a gain by more than this share of
#: the margin.
CHOICE = 0.25

MINUS = "\N{MINUS SIGN}"


def gain_percent(metric: Metric, utility: float) -> float:
    """A difference of utilities in the unit of gains: points, or percent of the value. The inverse
    of :meth:`lamina.spec.Metric.utility_gain`."""
    if metric.gain == "points":
        return utility
    share = utility / 100
    return 100 * (math.expm1(share) if metric.higher_is_better else -math.expm1(-share))


def amount(metric: Metric, percent: float, *, apart_from: float | None = None) -> str:
    """``2.3 points``, ``1 point``, ``0.4%``; with a second digit if it would otherwise look equal
    to ``apart_from`` or to zero."""
    number = f"{percent:.1f}" if abs(percent) < 1000 else f"{percent:,.0f}"
    if abs(percent) < 0.1 or (apart_from is not None and number == f"{apart_from:.1f}"):
        number = f"{percent:.2f}".removesuffix("0")
    number = number.removesuffix(".0").replace("-", MINUS)
    number = "0" if number in (f"{MINUS}0", "0") else number
    if metric.gain == "relative":
        return f"{number}%"
    return f"{number} point" if number.lstrip(MINUS) == "1" else f"{number} points"


def utility_amount(metric: Metric, utility: float) -> str:
    """The same for a difference of utilities."""
    return amount(metric, gain_percent(metric, utility))


def percent(share: float) -> str:
    """``95%``, ``98.3%``, ``99.98%``: with enough digits not to round to 100%."""
    texts = (f"{100 * share:.{digits}g}" for digits in range(3, 16))
    return f"{next((text for text in texts if text != '100'), '100')}%"


def on_chart(metric: Metric, value: float) -> float:
    """A value as shown in charts: shares in percent."""
    return 100 * value if metric.gain == "points" else value


def score(metric: Metric, trials: Iterable[Trial]) -> str:
    """``91.42% ± 0.31 (3)``: mean, standard deviation and number of seeds; ``(2/3)`` if one of
    three diverged."""
    trials = tuple(trials)
    values = [trial.value for trial in trials if trial.value is not None]
    lost = len(trials) - len(values)
    if not trials:
        return "\N{MIDDLE DOT}"
    if not values:
        return f"diverged ({lost})"
    center = metric.value(statistics.fmean(metric.utility(value) for value in values))
    text = metric.show(center)
    if len(values) > 1:
        sd, decimals = statistics.stdev(values), metric.decimals(center)
        if metric.gain == "points":
            text += f" ± {100 * sd:.2f}"
        else:
            text += f" ± {sd:.3g}" if abs(center) >= 1e9 else f" ± {sd:.{decimals}f}"
    return f"{text} ({len(values)}/{len(trials)})" if lost else f"{text} ({len(values)})"


@dataclass(frozen=True)
class ToldScore:
    """One depth.

    Attributes:
        text: the score with its spread, as :func:`score` writes it.
        mean, low, high: as charts show them, no further than values can be; None if no seed got
            through.
    """

    depth: int
    text: str
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ToldGain:
    """From ``shallow`` to ``deep``, in points or percent; above 0 is better.

    Attributes:
        gain: the gain itself; unchanged: whether it rounds to zero.
        side: the side of the required gain on which it is known to lie.
        needs: the gain required of the deeper network, ``1 point``.
        text: the gain without its sign, ``2.4 points``.
        interval: ``95% interval 1.9 to 2.9``, no further than gains can be; empty if unknown (then
            not ``bounded``).
        open_end: whether the interval reaches beyond a perfect score, measured from the mean of
            ``shallow``, and still includes the required gain.
        most: the upper end of the interval, or the gain itself; most_text: formatted so that it
            differs from ``needs``.
        short: how far ``most`` exceeds the required gain, on the scale of the decision.
        cell: for a table, ``+2.40 [1.90, 2.90]``.
    """

    shallow: int
    deep: int
    gain: float
    bounded: bool
    side: Literal["above", "below", "open"]
    needs: str
    text: str
    interval: str
    most: float
    most_text: str
    short: float
    cell: str
    confidence: float
    open_end: bool

    @property
    def unchanged(self) -> bool:
        return round(self.gain, 2) == 0


@dataclass(frozen=True)
class Told:
    """The decision in the user's units.

    Attributes:
        decision: depths, seeds and failures are read there, utilities never.
        scores, gains: of each depth and of each pair.
        least: the smallest worthwhile gain, ``1 point``; price: the additional gain required per
            layer, empty if none.
        confidence: of the intervals, ``95%``; risk: of a wrong verdict on either side, ``5%``.
        band: on charts, the mean of the shown depth and the score that a deeper network must reach.
        baseline: the best score without a network, on charts; baseline_text: ``50.00%``.
        beats_baseline: whether a depth is clearly better than that; None if unknown.
        best_epoch: the depth that gains most from scoring the best epoch, the one that gains least,
            and the difference; None if it is small.
        not_judged: depths of the search about which the decision says nothing.
    """

    metric: Metric
    decision: Decision
    scores: tuple[ToldScore, ...]
    gains: tuple[ToldGain, ...]
    least: str
    price: str
    confidence: str
    risk: str
    band: tuple[float, float] | None
    baseline: float | None
    baseline_text: str
    beats_baseline: bool | None
    best_epoch: tuple[int, int, str] | None
    not_judged: tuple[int, ...]

    def gain(self, shallow: int, deep: int) -> ToldGain | None:
        """Between two depths; None if no seed of one of them got through."""
        pairs = (gain for gain in self.gains if (gain.shallow, gain.deep) == (shallow, deep))
        return next(pairs, None)

    def layer(self, depth: int) -> str:
        """The gain over the next shallower depth, for a table; empty for the shallowest."""
        return next((gain.cell for gain in reversed(self.gains) if gain.deep == depth), "")


def tell(
    decision: Decision,
    metric: Metric,
    trials: Sequence[Trial],
    baseline: float | None,
    asked: Iterable[int],
) -> Told:
    """``decision`` in the user's units.

    Args:
        decision: in utilities of ``metric``.
        metric: scores the trials.
        trials: the judged trials, one per depth and seed (see :func:`lamina.depth.trials.apart`).
        baseline: the best value without a network; None if unknown.
        asked: the depths of the search, judged or not.
    """
    judged = {score.depth for score in decision.scores}
    return Told(
        metric=metric,
        decision=decision,
        scores=tuple(_score(each, metric, trials) for each in decision.scores),
        gains=tuple(_gain(each, metric, decision) for each in decision.gains),
        least=utility_amount(metric, decision.margin),
        price=utility_amount(metric, decision.cost_per_layer) if decision.cost_per_layer else "",
        confidence=percent(decision.confidence),
        risk=f"{100 * decision.alpha:g}%",
        band=_band(decision, metric),
        baseline=None if baseline is None else on_chart(metric, baseline),
        baseline_text="" if baseline is None else metric.show(baseline),
        beats_baseline=_beats(decision, metric, baseline),
        best_epoch=_best_epoch(decision, metric, trials),
        not_judged=tuple(depth for depth in asked if depth not in judged),
    )


def _score(found: Score, metric: Metric, trials: Sequence[Trial]) -> ToldScore:
    mean, low, high = found.mean, found.low, found.high
    return ToldScore(
        found.depth,
        score(metric, (trial for trial in trials if trial.depth == found.depth)),
        None if mean is None else on_chart(metric, metric.value(mean)),
        None if mean is None else _possible(metric, mean if low is None else low),
        None if mean is None else _possible(metric, mean if high is None else high),
    )


def _possible(metric: Metric, utility: float) -> float:
    """The end of an interval on a chart, limited to possible values: a share is not below 0, nor
    above 1 if higher is better (an error rate may be)."""
    least, most = metric.bounds
    return on_chart(metric, metric.value(min(max(utility, least), most)))


def _gain(found: Gain, metric: Metric, decision: Decision) -> ToldGain:
    gain, needs = (gain_percent(metric, utility) for utility in (found.gain, found.needs))
    interval, cell, utility = "", f"{gain:+.2f}", found.gain
    if found.low is not None and found.high is not None:
        least, utility = _possible_gains(found, found.low, found.high, metric, decision)
        low, high = gain_percent(metric, least), gain_percent(metric, utility)
        interval = f"{percent(found.confidence)} interval {_end(low, 1)} to {_end(high, 1)}"
        cell += f" [{_end(low, 2)}, {_end(high, 2)}]"
    base = decision.score(found.shallow).mean
    assert base is not None
    perfect = metric.bounds[1] - base
    most = gain_percent(metric, utility)
    return ToldGain(
        found.shallow,
        found.deep,
        gain,
        found.high is not None,
        found.side,
        amount(metric, needs),
        amount(metric, abs(gain)),
        interval.replace("-", MINUS),
        most,
        amount(metric, most, apart_from=needs),
        utility - found.needs,
        cell.replace("-", MINUS),
        found.confidence,
        utility >= max(perfect, found.needs),
    )


def _possible_gains(
    found: Gain, low: float, high: float, metric: Metric, decision: Decision
) -> tuple[float, float]:
    """The interval of a gain, no further than scores can be: with an accuracy of at least 94% by
    its own interval, nothing gains more than 6 points. What the test left open stays open."""
    worst, best = metric.bounds
    shallow, deep = (
        worst if (end := decision.score(depth).low) is None else max(end, worst)
        for depth in (found.shallow, found.deep)
    )
    least, most = max(low, deep - best), min(high, best - shallow)
    if low <= found.needs <= high:
        return min(least, found.needs), max(most, found.needs)
    return least, most


def _end(percent: float, decimals: int) -> str:
    """An end of an interval; a loss of more than tenfold is only named."""
    return f"{percent:.{decimals}f}" if percent >= -1000 else "below -1000"


def _band(decision: Decision, metric: Metric) -> tuple[float, float] | None:
    if decision.outcome == "none" or decision.shown is None:
        return None
    mean = decision.score(decision.shown).mean
    if mean is None:
        return None
    low, edge = (metric.value(utility) for utility in (mean, mean + decision.margin))
    return on_chart(metric, low), on_chart(metric, edge)


def _beats(decision: Decision, metric: Metric, baseline: float | None) -> bool | None:
    """Whether the lower end of an interval is a margin better; one seed has no interval."""
    ends = [s.mean if s.low is None else s.low for s in decision.scores if s.mean is not None]
    if baseline is None or not ends:
        return None
    edge = metric.utility(baseline) + decision.margin
    return any(end is not None and end > edge for end in ends)


def _best_epoch(
    decision: Decision, metric: Metric, trials: Sequence[Trial]
) -> tuple[int, int, str] | None:
    lifts: dict[int, list[float]] = {}
    for trial in trials:
        if trial.value is not None and len(trial.curve) >= 3:
            lifts.setdefault(trial.depth, []).append(_lift(trial, metric))
    if len(lifts) < 2:
        return None
    means = {depth: statistics.fmean(each) for depth, each in lifts.items()}
    most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    difference = means[most] - means[least]
    if difference <= CHOICE * decision.margin:
        return None
    return most, least, utility_amount(metric, difference)


def _lift(trial: Trial, metric: Metric) -> float:
    """How far the best epoch exceeds the best mean of three neighbouring ones."""
    curve = [metric.utility(value) for _, value in trial.curve]
    return max(curve) - max(map(statistics.fmean, zip(curve, curve[1:], curve[2:], strict=False)))
