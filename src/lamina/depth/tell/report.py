"""``report.html``: the verdict of a depth search on one page that opens anywhere, offline."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from statistics import fmean
from string import Template
from typing import Any

from lamina.depth.counted import layers, listed, listed_range
from lamina.depth.judge.decision import Decision, Stage
from lamina.depth.tell import charts, words
from lamina.depth.tell.progress import duration
from lamina.depth.tell.table import layer_gain, score, size, width
from lamina.depth.tell.verdict import Verdict
from lamina.depth.trials import Trial, apart, longest, spent
from lamina.spec import Metric
from lamina.store.atomic import write_text


def write_report(verdict: Verdict, path: str | Path, command: str | None = None) -> None:
    """Write the report to ``path``, whole or not at all. ``command``: the line that searched.

    One file of about 1 MB with everything in it: no network, no fonts, no scripts from elsewhere.
    Raises OSError where it cannot be written.
    """
    write_text(path, render(verdict, command))


def render(verdict: Verdict, command: str | None = None) -> str:
    """The page as text. What comes from the user is escaped, in HTML and in JSON."""
    metric = verdict.metric
    return Template(_file("report.html")).substitute(
        title=_text(f"{verdict.headline} Depth search"),
        css=_file("report.css"),
        about=_text(_about(verdict)),
        headline=_text(verdict.headline),
        reasons="\n".join(f"<p>{_reason(reason)}</p>" for reason in verdict.reasons),
        metric=_text(metric.name),
        scores_note=_text(_scores_note(verdict)),
        curves_note=_text(
            f"Validation {metric.name} by epoch: thin, every seed; thick, their median."
        ),
        table=_table(verdict),
        table_note=_text(_table_note(verdict)),
        trained=_trained(verdict),
        saw="\n".join(f"<p>{_text(seen)}</p>" for seen in _seen(verdict)),
        method=_method(verdict),
        sure="\n".join(f"<p>{_text(each)}</p>" for each in _sure(verdict)),
        command="" if command is None else f"<pre>{_text(command)}</pre>",
        # With a command at hand the configuration is for those who look closer.
        open="open" if command is None else "",
        config=_text(
            json.dumps(
                {**verdict.search, "versions": verdict.versions}, indent=2, ensure_ascii=False
            )
        ),
        specs=_json(_specs(verdict)),
        vega=_vega(),
    )


@functools.cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script, which may stand in a page."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # The end of a script element may not occur inside it, not even in a string.
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _specs(verdict: Verdict) -> dict[str, charts.Spec]:
    steps = {cost.depth: cost.step_ms for cost in verdict.costs}
    memory = {cost.depth: cost.training_bytes / 1e6 for cost in verdict.costs}
    parameters = {c.depth: float(c.parameters) for c in verdict.candidates}
    return {
        "scores": charts.scores(verdict),
        "curves": charts.learning_curves(verdict),
        "time": charts.cost(verdict, "Time of a training step", steps, ",.3~g"),
        "memory": charts.cost(verdict, "Memory of training", memory, ",.3~g"),
        "parameters": charts.cost(verdict, "Parameters", parameters, ",.0f"),
    }


def _about(verdict: Verdict) -> str:
    task = verdict.search.get("task", {})
    data = task.get("data", {})
    source = data.get("source", "")
    sources = source if isinstance(source, list) else [source]
    parts = [str(task.get("name", "")).replace("_", " "), *map(str, sources)]
    return ", ".join(part for part in parts if part)


def _scores_note(verdict: Verdict) -> str:
    decision = verdict.decision
    level = words.percent(decision.confidence)
    note = f"Each pale dot is one seed; the large dot is their mean, the line its {level} interval."
    if not verdict.metric.higher_is_better:
        note += f" Lower {verdict.metric.name} is better."
    if decision.shown is not None:
        note += (
            f" The grey band starts at the mean of {layers(decision.shown)} and is"
            f" {words.amount(verdict.metric, verdict.min_gain)} high: a deeper network must lie"
            " beyond its dashed edge to be worth it."
        )
    if any(s.failed for s in decision.scores):
        note += " Means are over the seeds that got through."
    return note


def _table(verdict: Verdict) -> str:
    metric, decision, trials = verdict.metric, verdict.decision, apart(verdict.trials)
    head = (
        "layers",
        f"{metric.name} (seeds)",
        f"gain of the layer, {metric.unit}",
        "step, ms",
        "memory",
        "parameters",
        "width",
    )
    rows = []
    for candidate in verdict.candidates:
        d = candidate.depth
        cost = verdict.cost(d)
        cells = (
            str(d),
            score(metric, (trial for trial in trials if trial.depth == d)),
            layer_gain(decision, metric, d),
            f"{cost.step_ms:.1f}",
            size(cost.training_bytes),
            f"{candidate.parameters:,}",
            width(candidate),
        )
        rows.append(("chosen" if d == decision.depth else "", cells))
    return _html_table("gains", head, rows)


def _html_table(kind: str, head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """rows: the class of each, or nothing, and its cells."""
    header = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = []
    for row_class, cells in rows:
        mark = f' class="{row_class}"' if row_class else ""
        body.append(f"<tr{mark}>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>")
    return (
        f'<table class="{kind}"><thead><tr>{header}</tr></thead>\n<tbody>\n'
        + "\n".join(body)
        + "\n</tbody></table>"
    )


def _table_note(verdict: Verdict) -> str:
    levels = sorted({gain.confidence for gain in verdict.decision.gains})
    level = words.percent(levels[0] if levels else verdict.decision.confidence)
    more = f" ({words.percent(levels[-1])} where trainings failed)" if len(levels) > 1 else ""
    note = (
        f"Scores are means ± standard deviations over seeds, gains (above 0: better) are over the"
        f" row above with their {level} interval{more}. Step times were"
        " taken in turns,"
        " so that a busy machine slows all depths alike. Memory is weights, gradients, optimizer"
        " state and what is kept for the backward pass."
    )
    if verdict.baseline is not None:
        note += f" The score {words.without_network(verdict.metric, verdict.baseline)}."
    tested = verdict.tested
    if tested is not None and tested.value is not None:
        note += (
            f" The model handed over has {layers(tested.depth)} (seed {tested.seed});"
            f" on the test part, which the decision has not seen, its {verdict.metric.name} is"
            f" {verdict.metric.show(tested.value)}."
        )
    return note


def _method(verdict: Verdict) -> str:
    decision, metric = verdict.decision, verdict.metric
    asked = words.amount(metric, verdict.min_gain)
    stages = (_stage(stage, decision, metric) for stage in decision.walk)
    steps = "\n".join(f"<li>{_text(stage)}</li>" for stage in stages)
    paragraphs = [
        f"The question was: which is the shallowest network that no deeper one beats by {asked} or"
        f" more? Two trainings of the same network already differ by chance, so the differences"
        " between depths were held against those between seeds.",
        "Depths were then judged from the shallowest up:",
    ]
    closing = (
        f"A depth is too shallow only when a deeper one is shown to gain more than {asked}, and"
        " enough only when every deeper one is shown to gain less; otherwise the answer is"
        " undecided. Seeds that diverge or end far below the others are counted as failures, and"
        " depths are compared by the seeds that got through."
    )
    walk = f"<ul>\n{steps}\n</ul>" if steps else "<p>No depth trained without diverging.</p>"
    body = "\n".join(f"<p>{_text(paragraph)}</p>" for paragraph in paragraphs)
    return f"{body}\n{walk}\n<p>{_text(closing)}</p>"


def _sure(verdict: Verdict) -> list[str]:
    """What the answer rests on, and what it would cost to be surer."""
    risk = f"{100 * verdict.decision.alpha:g}%"
    return [
        *verdict.surer,
        "In simulations of the rule either mistake, too deep or too shallow, came in at most about"
        f" {risk} of the searches, however often seeds were added. Not part of that figure is what"
        " a strategy does before (depths passed over early, say), nor how the depths would compare"
        " on other data: each dot is a training's best epoch on the validation data that also"
        " compares the depths, which is the same for all.",
    ]


#: How trainings of each kind are called; ``{}``: the layers.
_KINDS = {
    "train": "{}, alone",
    "exits": "all depths up to {}, together",
    "grow": "grown to {}",
    "relax": "a choice among depths up to {}",
}


def _trained(verdict: Verdict) -> str:
    """A row for trainings of one kind, depth and use; a training that went on counts once."""
    every = longest((*verdict.trials, *verdict.tried))
    judged = {trial.job.run for trial in verdict.trials}
    rows: dict[tuple[bool, int, str, str], list[Trial]] = {}
    for trial in every:
        used = trial.job.run in judged
        what = _KINDS.get(trial.job.kind, "{}").format(layers(trial.depth))
        key = (not used, trial.depth, what, "the verdict" if used else _use(trial))
        rows.setdefault(key, []).append(trial)
    head = ("what", "used for", "trainings", "epochs", "time")
    body = []
    for (_, _, what, use), trials in sorted(rows.items(), key=lambda item: item[0]):
        epochs = sorted({trial.epochs for trial in trials})
        cells = (
            what,
            use,
            str(len(trials)),
            listed_range(epochs),
            duration(spent(trials)),
        )
        body.append(("", cells))
    return _html_table("trained", head, body)


def _use(trial: Trial) -> str:
    """What a training was for that is not judged."""
    if trial.job.kind == "relax":
        return "a proposal"
    if trial.job.epochs is not None and not trial.job.changes:
        return "a first look"
    return "a choice of settings" if trial.job.changes else "comparison"


def _seen(verdict: Verdict) -> list[str]:
    """What the strategy went by, what it learned, and the time that it took."""
    told = list(verdict.saw)
    shares = [dict(trial.shares) for trial in verdict.tried if trial.shares]
    if shares:
        means = (f"{d}: {fmean(s[d] for s in shares):.2f}" for d in sorted(shares[0]))
        told.append(f"Weights of the depths at the end, means over seeds: {', '.join(means)}.")
    if verdict.expected_wall_seconds:
        took, said = duration(verdict.wall_seconds), duration(verdict.expected_wall_seconds)
        told.append(f"The last session took {took} by the clock; {said} were expected.")
    return told


def _stage(stage: Stage, decision: Decision, metric: Metric) -> str:
    asked = words.amount(metric, words.gain_percent(metric, decision.margin))
    if decision.cost_per_layer:
        price = words.amount(metric, words.gain_percent(metric, decision.cost_per_layer))
        asked += f" and {price} a layer"
    name = layers(stage.depth)
    if stage.found == "too shallow" and stage.by is not None:
        gain = decision.gain(stage.depth, stage.by)
        assert gain is not None
        within = words.interval(metric, gain)
        return (
            f"{name}: too shallow. {layers(stage.by)} gain"
            f" {words.amount(metric, words.gain_percent(metric, gain.gain))} ({within}),"
            f" shown to be more than {asked}."
        )
    if stage.found == "unstable":
        return f"{name}: unstable. {words.passed_over(decision, stage)}"
    if stage.found == "enough":
        highs = [g.high for g in decision.gains if g.shallow == stage.depth and g.high is not None]
        if not highs:
            return f"{name}: enough, for no deeper network is left to compare with."
        most = max(0.0, words.gain_percent(metric, max(highs)))
        return (
            f"{name}: enough. It is shown that no deeper network gains as much as {asked}:"
            f" {words.amount(metric, most)} at most."
        )
    rivals = listed([str(depth) for depth in stage.against])
    return f"{name}: open. The gain of {rivals} layers over it may lie on either side of {asked}."


def _reason(value: str) -> str:
    """A sentence in which an option of a command stays on one line."""
    return re.sub(r"(--\w+ [\d-]+)", r"<code>\1</code>", _text(value))


def _text(value: str) -> str:
    return html.escape(value)


def _json(value: Any) -> str:
    """JSON that may stand inside a script element: no ``<`` is left in it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _file(name: str) -> str:
    return resources.files("lamina.depth.tell").joinpath(name).read_text(encoding="utf-8")
