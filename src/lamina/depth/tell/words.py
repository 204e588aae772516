"""A verdict in sentences that require no knowledge of statistics."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lamina.depth.ask.candidates import TOLERANCE, Candidate
from lamina.depth.ask.measure import Checked, Cost
from lamina.depth.judge.evidence import MOST_MORE_SEEDS
from lamina.depth.judge.failures import ENOUGH_FREE
from lamina.depth.judge.outcome import Stage
from lamina.depth.phrases import counted, layers, listed, listed_range
from lamina.depth.tell.told import Told, ToldGain
from lamina.depth.trials import Trial

_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def headline(told: Told) -> str:
    """The answer, in a few words."""
    found = told.decision
    if found.outcome == "use" and len(told.scores) == 1:
        return f"{layers(told.scores[0].depth).capitalize()}, compared with no other depth."
    if found.outcome == "use" and found.depth is not None:
        less = ": deeper is unstable" if found.unstable else ""
        return f"Use {layers(found.depth)}{less}{_not_judged(told)}."
    if found.outcome == "none":
        return f"No depth can be recommended: {_obstacle(told)}."
    return f"Undecided between {listed(found.between)} layers{_not_judged(told)}."


def _not_judged(told: Told) -> str:
    """``; 3 to 5 layers were not judged``; empty if all depths were."""
    left = list(told.not_judged)
    if not left:
        return ""
    row = len(left) > 2 and left[-1] - left[0] == len(left) - 1
    were = "was" if left == [1] else "were"
    last = layers(left[-1]).removeprefix(f"{left[-1]} ")
    return f"; {listed_range(left) if row else listed(left)} {last} {were} not judged"


def why(told: Told, costs: Sequence[Cost], kept: Trial | None, asked: int) -> tuple[str, ...]:
    """The reasons, the cost, and any obstacles.

    Args:
        told: the decision.
        costs: of each depth.
        kept: the trial whose model is in the folder.
        asked: the allowed number of seeds per depth; fewer may have been run.
    """
    step_ms = {cost.depth: cost.step_ms for cost in costs}
    found = told.decision
    if found.outcome == "use" and found.depth is not None:
        return (*_too_shallow(told, found.depth), *_enough(told, found.depth, step_ms))
    if found.outcome == "undecided":
        return tuple(_undecided(told, step_ms, kept, asked))
    remedy = _REMEDIES[found.senseless]
    if kept is None:
        return (remedy,)
    model = f"{layers(kept.depth)}, seed {kept.seed}"
    return (remedy, f"Without a verdict, the folder holds the shallowest: {model}.")


#: What to do where no depth can be recommended, by the reason.
_REMEDIES = {
    None: "Try a smaller learning rate, gradient clipping, or a warm-up.",
    "constant": "Depth made no difference because nothing was learned. Check the columns that are"
    " read, and the labels; then try another learning rate, or more epochs.",
    "far off": "Such scores say something about the data or the learning rate, not about depth."
    " Check the columns that are read, and their scale; then try a smaller learning rate or"
    " gradient clipping.",
}


def _obstacle(told: Told) -> str:
    """Why no depth can be recommended."""
    metric, found = told.metric, told.decision
    if found.senseless is None:
        return "training diverged at every depth"
    best = metric.show(metric.value(max(s.mean for s in found.scores if s.mean is not None)))
    if found.senseless == "constant":
        return f"every training run scored {best}, no better than without a network"
    without = f"{told.baseline_text} without a network"
    return f"the best {metric.name}, {best}, is far worse than {without}"


def passed_over(told: Told, stage: Stage) -> str:
    """Why a depth was rejected for its failures."""
    score = told.decision.score(stage.depth)
    text = f"With {layers(stage.depth)}, {score.failed} of {score.seeds} training runs failed"
    if stage.by is None:
        return f"{text}, so there is nothing to judge."
    other = told.decision.score(stage.by)
    return f"{text}; with {layers(stage.by)}, {other.failed} of {other.seeds}."


def about(
    told: Told,
    candidates: Sequence[Candidate],
    checked: Checked,
    varied: Collection[str] = (),
) -> str:
    """What was compared, and the scope of the result; ``varied``: what was varied besides the
    depth."""
    seeds = sorted({score.seeds for score in told.decision.scores})
    candidates = [c for c in candidates if c.depth in {score.depth for score in told.scores}]
    many = listed_range(seeds) + (" seed" if seeds == [1] else " seeds")
    sizes = [candidate.parameters for candidate in candidates]
    width = {candidate.width for candidate in candidates}
    if varied:
        alike = f"the setting found best for each ({listed(sorted(varied))})"
    elif len(width) == 1:
        alike = f"layers of {candidates[0].width} units at every depth"
    else:
        alike = f"about {_round(sizes):,} parameters at every depth"
    depths = listed([candidate.depth for candidate in candidates])
    return (
        f"Compared: {'depth' if len(candidates) == 1 else 'depths'} {depths} with {alike},"
        f" {many} each, on {checked.count:,} {checked.what}."
        " This is evidence about this data and these settings."
    )


def without_network(told: Told) -> str:
    """The score to beat."""
    how = f" ({told.metric.blind})" if told.metric.blind else ""
    return f"without a network: {told.metric.name} {told.baseline_text}{how}"


def _too_shallow(told: Told, chosen: int) -> list[str]:
    """The improvement from layers up to the chosen depth."""
    found = [passed_over(told, stage) for stage in told.decision.walk if stage.found == "unstable"]
    below = [stage for stage in told.decision.walk if stage.found == "too shallow"]
    if not below:
        return found
    last = below[-1]
    step = told.gain(last.depth, chosen)
    assert step is not None
    if step.side != "above" and last.by is not None and last.by != chosen:
        # A deeper network rules out the shallower one; the chosen one is close enough to it.
        best = told.gain(last.depth, last.by)
        assert best is not None
        few = f"{layers(last.depth).capitalize()} {'is' if last.depth == 1 else 'are'} too few"
        found.append(f"{few}: {_going(told, best, start='going')}")
    return [*found, _going(told, step)]


def _going(told: Told, gain: ToldGain, start: str = "Going") -> str:
    """``Going from 1 to 2 layers improves accuracy by 2.4 points (95% interval 1.9 to 2.9).``"""
    name, interval = told.metric.name, gain.interval
    if gain.unchanged:
        change = f"leaves {name} unchanged"
    elif gain.gain > 0:
        change = f"improves {name} by {gain.text}"
    else:
        change = f"{'lowers' if told.metric.higher_is_better else 'raises'} {name} by {gain.text}"
        interval = interval.replace("interval", "interval of the gain:")
    within = f" ({interval})" if interval else ""
    return f"{start} from {gain.shallow} to {layers(gain.deep)} {change}{within}."


def _enough(told: Told, chosen: int, step_ms: dict[int, float]) -> list[str]:
    """The gain and cost of more layers."""
    unstable = told.decision.unstable
    failing = [passed_over(told, Stage(depth, "unstable", chosen)) for depth in unstable]
    deeper = [g for g in told.gains if g.shallow == chosen and g.deep not in unstable]
    if deeper:
        return [_no_more(told, chosen, deeper, step_ms), *failing]
    if len(told.scores) == 1:
        return ["Nothing shows whether it is enough, or more than enough."]
    if any(depth > chosen for depth in told.not_judged):
        return ["No deeper network was judged: --strategy grid judges every depth.", *failing]
    if all(score.depth <= chosen for score in told.scores):
        return [
            "It is the deepest that was tried; more layers may be better still"
            f" (try --depths {chosen}-{chosen + 3} in a new search).",
            *failing,
        ]
    return failing


def _no_more(told: Told, chosen: int, deeper: Sequence[ToldGain], step_ms: dict[int, float]) -> str:
    """``A third layer gains at most 0.3 points, less than the 1 point that counts, and ...``"""
    first = deeper[0].deep
    nearest = max(deeper, key=lambda gain: gain.short)
    several = len(deeper) > 1
    if not several and first == chosen + 1 < len(_ORDINALS):
        who, verb = f"A {_ORDINALS[first]} layer", "gains"
    else:
        who = f"More layers (up to {deeper[-1].deep})" if several else layers(first)
        verb = "gain"
    what = f"{who} {verb} nothing"
    if nearest.most > 0:
        more = _more(told, nearest)
        must = f"that {more} must gain" if more else "that counts (--min-gain)"
        what = f"{who} {verb} at most {nearest.most_text}, less than the {nearest.needs} {must}"
    if slower := _slower(step_ms, chosen, first):
        makes = "makes" if verb == "gains" else "make"
        what += f", and {'the first of them makes' if several else makes} {slower}"
    return what + "."


def _slower(step_ms: dict[int, float], shallow: int, deep: int) -> str:
    """``each training step 1.5 times as long``; empty if it is not, or was not measured."""
    if not step_ms.get(shallow) or deep not in step_ms:
        return ""
    ratio = round(step_ms[deep] / step_ms[shallow], 1)
    return f"each training step {ratio:.1f} times as long" if ratio >= 1.1 else ""


def _undecided(told: Told, step_ms: dict[int, float], kept: Trial | None, asked: int) -> list[str]:
    """What to do for now, and the possible cost of choosing now, either way."""
    shallow, *rivals = told.decision.between
    found = [_way_out(told, asked), *_guarded(told)]
    if kept is not None:
        found.append(
            f"Until then, the folder holds the shallowest of them: {layers(kept.depth)},"
            f" seed {kept.seed}."
        )
    gains = [gain for deep in rivals if (gain := told.gain(shallow, deep)) is not None]
    found += [_going(told, gain) for gain in gains[:1]]
    bounded = [gain for gain in gains if gain.bounded]
    if not bounded:
        alone = max(score.seeds for score in told.decision.scores) == 1
        return ["One seed per depth cannot tell a gain from chance.", *found] if alone else found
    most = max(bounded, key=lambda gain: gain.most)
    if most.open_end:
        found.append(
            f"Nothing rules out yet that {layers(most.deep)} reach a perfect {told.metric.name}."
        )
    else:
        more = _more(told, most)
        must = f"{more} must gain {most.needs}" if more else f"gains count from {most.needs}"
        found.append(
            f"With {layers(shallow)} you may give up as much as {most.most_text} of"
            f" {told.metric.name} ({must})."
        )
    if slower := _slower(step_ms, shallow, rivals[0]):
        makes = "makes" if rivals[0] == 1 else "make"
        found.append(f"{layers(rivals[0]).capitalize()} {makes} {slower}.")
    return found


def _way_out(told: Told, asked: int) -> str:
    more = told.decision.more_seeds
    if more is None:
        return (
            "The gain is too close to the threshold: more than"
            f" {MOST_MORE_SEEDS} more seeds per depth would be needed to tell them apart."
        )
    enough = more + max(score.seeds for score in told.decision.scores)
    how = f"run the same command with --seeds {enough}"
    if enough <= asked:  # the time ran out, or a race stopped early
        how = f"{asked} were allowed; a larger --budget or --strategy grid runs more of them"
    return f"About {counted(more, 'more seed')} per depth would settle it ({how})."


def _guarded(told: Told) -> list[str]:
    """Depths with too few seeds that got through to be judged."""
    return [
        f"With {layers(score.depth)}, {score.stuck} of {score.seeds} seeds ended far below the"
        f" others; judging a depth takes {ENOUGH_FREE} that get through."
        for score in told.decision.scores
        if score.depth in told.decision.between
        and score.stuck
        and score.seeds - score.failed < ENOUGH_FREE
    ]


def _more(told: Told, gain: ToldGain) -> str:
    """``2 more layers``, if layers have a price; otherwise empty."""
    return counted(gain.deep - gain.shallow, "more layer") if told.price else ""


def _round(sizes: Sequence[int]) -> int:
    """The roundest number that equals each of ``sizes`` within the tolerance of equal sizes."""
    mean = sum(sizes) / len(sizes)
    rounded = (int(float(f"{mean:.{digits}g}")) for digits in range(1, 16))
    off = TOLERANCE * min(sizes)
    return next((n for n in rounded if all(abs(n - size) <= off for size in sizes)), round(mean))
