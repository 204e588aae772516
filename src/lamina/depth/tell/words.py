"""The verdict in words that need no statistics to be understood."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from lamina.depth.ask.candidates import TOLERANCE, Candidate
from lamina.depth.ask.measure import Checked, Cost
from lamina.depth.counted import layers, listed, listed_range
from lamina.depth.judge.decision import Decision, Gain, Stage
from lamina.depth.judge.evidence import MOST_MORE_SEEDS
from lamina.depth.judge.failures import ENOUGH_FREE
from lamina.depth.trials import Trial
from lamina.spec import Metric

_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def gain_percent(metric: Metric, utility: float) -> float:
    """A difference of utilities in the unit people read: points, or percent of the value. The
    inverse of :meth:`Metric.utility_gain`."""
    if metric.gain == "points":
        return utility
    share = utility / 100
    return 100 * (math.expm1(share) if metric.higher_is_better else -math.expm1(-share))


def amount(metric: Metric, percent: float, *, apart_from: float | None = None) -> str:
    """``2.3 points``, ``1 point``, ``0.4%``; a second digit where it would else look like
    ``apart_from``, or like nothing."""
    number = f"{percent:.1f}"
    if abs(percent) < 0.1 or (apart_from is not None and number == f"{apart_from:.1f}"):
        number = f"{percent:.2f}".removesuffix("0")
    number = number.removesuffix(".0").replace("-", "\N{MINUS SIGN}")
    number = "0" if number in ("\N{MINUS SIGN}0", "0") else number
    if metric.gain == "relative":
        return f"{number}%"
    one = number.lstrip("\N{MINUS SIGN}") == "1"
    return f"{number} point" if one else f"{number} points"


def percent(share: float) -> str:
    """``95%``, ``98.3%``, ``99.98%``: with as many digits as it takes not to say 100%."""
    texts = (f"{100 * share:.{digits}g}" for digits in range(3, 16))
    return f"{next((text for text in texts if text != '100'), '100')}%"


def interval(metric: Metric, gain: Gain) -> str:
    """``95% interval 1.4 to 3.2``, empty where it is unknown; a gain above 0 is for the better."""
    if gain.low is None or gain.high is None:
        return ""
    low, high = (gain_percent(metric, x) for x in (gain.low, gain.high))
    text = f"{percent(gain.confidence)} interval {low:.1f} to {high:.1f}"
    return text.replace("-", "\N{MINUS SIGN}")


def headline(decision: Decision) -> str:
    """The answer, in a few words."""
    if decision.outcome == "use" and len(decision.scores) == 1:
        return f"{layers(decision.scores[0].depth).capitalize()}, compared with no other depth."
    if decision.outcome == "use" and decision.depth is not None:
        less = ": deeper is unstable" if decision.unstable else ""
        return f"Use {layers(decision.depth)}{less}."
    if decision.outcome == "none":
        return "No depth can be recommended: training diverged at every depth."
    return f"Undecided between {listed([str(d) for d in decision.between])} layers."


def why(
    decision: Decision,
    metric: Metric,
    costs: Sequence[Cost],
    kept: Trial | None,
    asked: int,
) -> tuple[str, ...]:
    """Why, what it costs, and what stands in the way.

    kept: whose model the folder holds. asked: for so many seeds, which may not all have been run.
    """
    step_ms = {cost.depth: cost.step_ms for cost in costs}
    found: list[str] = []
    if decision.outcome == "use" and decision.depth is not None:
        found += _too_shallow(decision, metric)
        found += _enough(decision, metric, step_ms)
    elif decision.outcome == "undecided":
        found += _either_way(decision, metric, step_ms, kept, asked)
    else:
        found.append("Try a smaller learning rate, gradient clipping, or a warm-up.")
    return tuple(found)


def _too_shallow(decision: Decision, metric: Metric) -> list[str]:
    """What the layers up to the chosen depth bring."""
    chosen = decision.depth
    failing = [stage for stage in decision.walk if stage.found == "unstable"]
    told = [passed_over(decision, stage) for stage in failing]
    below = [stage for stage in decision.walk if stage.found == "too shallow"]
    if not below or chosen is None:
        return told
    last = below[-1]
    step = decision.gain(last.depth, chosen)
    assert step is not None
    told.append(_going(decision, metric, step))
    if step.side != "above" and last.by is not None and last.by != chosen:
        # A deeper network condemns the shallower one; the chosen one is near enough to it.
        best = decision.gain(last.depth, last.by)
        assert best is not None
        told.insert(
            len(failing),
            f"{layers(last.depth).capitalize()} {'is' if last.depth == 1 else 'are'} too few:"
            f" {_going(decision, metric, best, start='going')}",
        )
    return told


def passed_over(decision: Decision, stage: Stage) -> str:
    """Why a depth lost by its failures."""
    score = decision.score(stage.depth)
    text = f"With {layers(stage.depth)} {score.failed} of {score.seeds} trainings failed"
    if stage.by is None:
        return f"{text}, so there is nothing to judge."
    other = decision.score(stage.by)
    return f"{text}, with {layers(stage.by)} {other.failed} of {other.seeds}."


def _going(decision: Decision, metric: Metric, gain: Gain, start: str = "Going") -> str:
    within = interval(metric, gain)
    return (
        f"{start} from {gain.shallow} to {layers(gain.deep)}"
        f" {_changes(metric, gain_percent(metric, gain.gain))}"
        + (f" ({within})." if within else ".")
    )


def _changes(metric: Metric, percent: float) -> str:
    if amount(metric, percent) == amount(metric, 0.0):
        return f"leaves {metric.name} as it is"
    if percent < 0:
        return f"worsens {metric.name}: a gain of {amount(metric, percent)}"
    return f"improves {metric.name} by {amount(metric, percent)}"


def _enough(decision: Decision, metric: Metric, step_ms: dict[int, float]) -> list[str]:
    """What more layers would bring and cost."""
    chosen = decision.depth
    if chosen is None:
        return []
    failing = [passed_over(decision, Stage(d, "unstable", chosen)) for d in decision.unstable]
    return [*_steady(decision, metric, step_ms, chosen), *failing]


def _steady(
    decision: Decision, metric: Metric, step_ms: dict[int, float], chosen: int
) -> list[str]:
    """The same for those deeper ones that fail no more often."""
    deeper = [g for g in decision.gains if g.shallow == chosen and g.deep not in decision.unstable]
    if not deeper:
        if len(decision.scores) == 1:
            return ["That it is enough, or too much, is not shown."]
        if all(score.depth <= chosen for score in decision.scores):
            return [
                f"It is the deepest that was tried: more layers may be better still"
                f" (try --depths {chosen}-{chosen + 3} in a new search)."
            ]
        return []
    next_one = deeper[0].deep
    # Of several, the one that comes nearest to what it would have to gain.
    nearest = max(deeper, key=lambda gain: _most(gain) - gain.needs)
    at_most, asked = (gain_percent(metric, x) for x in (_most(nearest), nearest.needs))
    several = len(deeper) > 1
    if not several and next_one == chosen + 1 < len(_ORDINALS):
        who, verb = f"A {_ORDINALS[next_one]} layer", "gains"
    else:
        who, verb = (
            (f"More layers (up to {deeper[-1].deep})" if several else layers(next_one)),
            ("gain"),
        )
    what = f"{who} {verb} nothing"
    if at_most > 0:
        most = amount(metric, at_most, apart_from=asked)
        what = f"{who} {verb} at most {most}, less than the {_asked(decision, metric, nearest)}"
    slower = _slower(step_ms, chosen, next_one)
    if slower:
        what += f", and {'the first of them makes' if several else 'makes'} {slower}"
    return [what + "."]


def _slower(step_ms: dict[int, float], shallow: int, deep: int) -> str:
    """``each training step 1.5 times as long``; empty where that is not so, or not measured."""
    if not step_ms.get(shallow) or deep not in step_ms:
        return ""
    ratio = round(step_ms[deep] / step_ms[shallow], 1)
    return f"each training step {ratio:.1f} times as long" if ratio >= 1.1 else ""


def _either_way(
    decision: Decision,
    metric: Metric,
    step_ms: dict[int, float],
    kept: Trial | None,
    asked: int,
) -> list[str]:
    """What to do meanwhile, and what choosing now could cost, either way."""
    shallow, *rivals = decision.between
    told = [_way_out(decision, asked), *_guarded(decision)]
    if kept is not None:
        told.append(
            f"Until then the folder holds the shallowest of them: {layers(kept.depth)},"
            f" seed {kept.seed}."
        )
    gains = [gain for e in rivals if (gain := decision.gain(shallow, e)) is not None]
    told += [_going(decision, metric, gain) for gain in gains[:1]]
    bounded = [gain for gain in gains if gain.high is not None]
    if max(score.seeds for score in decision.scores) > 1 and not bounded:
        return told
    if not bounded:
        return ["One seed a depth cannot tell a gain from chance.", *told]
    most = max(bounded, key=_most)
    told.append(
        f"With {layers(shallow)} you may give up as much as"
        f" {amount(metric, gain_percent(metric, _most(most)))} of {metric.name}"
        f" (a gain of {_asked(decision, metric, most, 'is what you asked for')})."
    )
    slower = _slower(step_ms, shallow, rivals[0])
    if slower:
        told.append(f"{layers(rivals[0]).capitalize()} {_makes(rivals[0])} {slower}.")
    return told


def _way_out(decision: Decision, asked: int) -> str:
    more = decision.more_seeds
    if more is None:
        return (
            "The gain is too near to the threshold to be told apart: more than"
            f" {MOST_MORE_SEEDS} more seeds per depth would be needed."
        )
    enough = more + max(score.seeds for score in decision.scores)
    how = f"run the same command with --seeds {enough}"
    if enough <= asked:  # the time ran out, or a race gave up
        how = f"{asked} were asked for; more of them are run with a larger --budget, or with"
        how += " --strategy grid"
    return (
        f"About {more} more {'seed' if more == 1 else 'seeds'} per depth would settle it ({how})."
    )


def _guarded(decision: Decision) -> list[str]:
    """Depths of which too few seeds got through to stand for it."""
    few = [
        score
        for score in decision.scores
        if score.depth in decision.between
        and score.stuck
        and score.seeds - score.failed < ENOUGH_FREE
    ]
    return [
        f"With {layers(score.depth)} {score.stuck} of {score.seeds} seeds ended far below the"
        f" others: {ENOUGH_FREE} that get through are needed to judge by."
        for score in few
    ]


def _most(gain: Gain) -> float:
    return gain.gain if gain.high is None else gain.high


def _asked(decision: Decision, metric: Metric, gain: Gain, you: str = "you asked for") -> str:
    """``1 point you asked for``; with a price of layers, of how many."""
    text = f"{amount(metric, gain_percent(metric, gain.needs))} {you}"
    more = gain.deep - gain.shallow
    if decision.cost_per_layer and more:
        text += f" of {more} more {'layer' if more == 1 else 'layers'}"
    return text


def _makes(depth: int) -> str:
    return "makes" if depth == 1 else "make"


def about(
    decision: Decision,
    candidates: Sequence[Candidate],
    checked: Checked,
    varied: Collection[str] = (),
) -> str:
    """What was compared, and how far that reaches; varied: what was tried beside the depth."""
    seeds = sorted({score.seeds for score in decision.scores})
    candidates = [c for c in candidates if c.depth in {score.depth for score in decision.scores}]
    many = "1 seed" if seeds == [1] else f"{listed_range(seeds)} seeds"
    sizes = [candidate.parameters for candidate in candidates]
    width = {candidate.width for candidate in candidates}
    if varied:
        alike = f"the setting found best for each ({listed(sorted(varied))})"
    elif len(width) == 1:
        alike = f"layers of {candidates[0].width} units at every depth"
    else:
        alike = f"about {_round(sizes):,} parameters at every depth"
    depths = listed([str(candidate.depth) for candidate in candidates])
    return (
        f"Compared: {'depth' if len(candidates) == 1 else 'depths'} {depths} with {alike},"
        f" {many} each, on {checked.count:,} {checked.what}."
        " This is evidence about this data and these settings."
    )


def without_network(metric: Metric, baseline: float) -> str:
    """The score to be better than, in words."""
    how = f" ({metric.blind})" if metric.blind else ""
    return f"without a network: {metric.name} {metric.show(baseline)}{how}"


def _round(sizes: Sequence[int]) -> int:
    """The roundest number that is, to the tolerance of equal sizes, each of ``sizes``."""
    mean = sum(sizes) / len(sizes)
    rounded = (int(float(f"{mean:.{digits}g}")) for digits in range(1, 16))
    off = TOLERANCE * min(sizes)
    return next((n for n in rounded if all(abs(n - size) <= off for size in sizes)), round(mean))
