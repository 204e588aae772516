"""``report.html``: the verdict of a depth search on one page that opens anywhere, offline."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import jinja2
from markupsafe import Markup

from lamina.depth.judge.outcome import Stage
from lamina.depth.phrases import duration, layers, listed, listed_range
from lamina.depth.plan.kinds import KINDS, Kind
from lamina.depth.tell import charts, words
from lamina.depth.tell.table import size, width
from lamina.depth.tell.told import Told, amount, percent
from lamina.depth.tell.verdict import Verdict
from lamina.depth.trials import Trial, longest, spent
from lamina.store.atomic import write_text

#: A table row: whether it is the chosen depth, and its cells.
Row = tuple[bool, tuple[str, ...]]


def write_report(verdict: Verdict, path: str | Path, command: str | None = None) -> None:
    """Write the report to ``path``, atomically.

    A single file of about 1 MB that includes everything: no network access, no external fonts or
    scripts.

    Args:
        verdict: of a search.
        path: of the file.
        command: the command line of the search, if there was one.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(path, render(verdict, command))


def render(verdict: Verdict, command: str | None = None) -> str:
    """The page as text. All user input is escaped, in HTML and in JSON."""
    told = verdict.told()
    levels = sorted({gain.confidence for gain in told.gains})
    config = {**verdict.search, "versions": verdict.versions}
    return (
        _environment()
        .get_template("report.html")
        .render(
            verdict=verdict,
            told=told,
            about=_about(verdict),
            failed=any(score.failed for score in verdict.decision.scores),
            depths=_depths(verdict, told),
            levels=[percent(level) for level in levels] or [told.confidence],
            without_network=words.without_network(told),
            trained=_trained(verdict),
            saw=_saw(verdict),
            walk=[_stage(stage, told) for stage in verdict.decision.walk],
            command=command,
            config=json.dumps(config, indent=2, ensure_ascii=False),
            specs=_script(json.dumps(_specs(verdict, told), ensure_ascii=False, allow_nan=False)),
            vega=_vega(),
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lamina.depth.tell", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"layers": layers, "options": _options}
    return environment


@functools.cache
def _vega() -> Markup:
    """Vega, Vega-Lite and vega-embed as one script that is safe to inline in a page."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # The end tag of a script element must not occur inside it, not even in a string.
    return Markup(bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--"))


def _script(json_text: str) -> Markup:
    """JSON that is safe inside a script element: it contains no ``<``."""
    return Markup(json_text.replace("<", "\\u003c"))


def _options(sentence: str) -> Iterator[tuple[str, bool]]:
    """The parts of a sentence, each with whether it is a command-line option, which is not
    wrapped."""
    for k, part in enumerate(re.split(r"(--[\w-]+ [\d-]+)", sentence)):
        yield part, k % 2 == 1


def _specs(verdict: Verdict, told: Told) -> dict[str, charts.Spec]:
    steps = {cost.depth: cost.step_ms for cost in verdict.costs}
    memory = {cost.depth: cost.training_bytes / 1e6 for cost in verdict.costs}
    parameters = {c.depth: float(c.parameters) for c in verdict.candidates}
    return {
        "scores": charts.scores(verdict, told),
        "curves": charts.learning_curves(verdict),
        "time": charts.cost(verdict, "Time of a training step", steps, ",.3~g"),
        "memory": charts.cost(verdict, "Memory of training", memory, ",.3~g"),
        "parameters": charts.cost(verdict, "Parameters", parameters, ",.0f"),
    }


def _about(verdict: Verdict) -> str:
    """The task and its data."""
    task = verdict.search.get("task", {})
    source = task.get("data", {}).get("source", "")
    sources = source if isinstance(source, list) else [source]
    parts = [str(task.get("name", "")).replace("_", " "), *map(str, sources)]
    return ", ".join(part for part in parts if part)


def _depths(verdict: Verdict, told: Told) -> list[Row]:
    scores = {score.depth: score.text for score in told.scores}
    rows: list[Row] = []
    for candidate in verdict.candidates:
        depth, cost = candidate.depth, verdict.cost(candidate.depth)
        cells = (
            str(depth),
            scores.get(depth, "\N{MIDDLE DOT}"),
            told.layer(depth),
            f"{cost.step_ms:.1f}",
            size(cost.training_bytes),
            f"{candidate.parameters:,}",
            width(candidate),
        )
        rows.append((depth == verdict.depth, cells))
    return rows


def _trained(verdict: Verdict) -> list[Row]:
    """One row per kind, depth and use of run; a resumed run counts once."""
    judged = {trial.job.run for trial in verdict.trials}
    groups: dict[tuple[bool, int, str, str], list[Trial]] = {}
    for trial in longest((*verdict.trials, *verdict.tried)):
        used = trial.job.run in judged
        what = _kind(trial).title.format(layers(trial.depth))
        key = (not used, trial.depth, what, "the verdict" if used else _use(trial))
        groups.setdefault(key, []).append(trial)
    rows: list[Row] = []
    for (_, _, what, use), trials in sorted(groups.items(), key=lambda item: item[0]):
        epochs = listed_range(sorted({trial.epochs for trial in trials}))
        rows.append((False, (what, use, str(len(trials)), epochs, duration(spent(trials)))))
    return rows


def _use(trial: Trial) -> str:
    """The purpose of a run that is not judged."""
    if trial.job.changes:
        return "a choice of settings"
    return _kind(trial).purpose if trial.job.epochs is None else "a first look"


def _kind(trial: Trial) -> Kind:
    """Of a run; named alone if this process has no such kind (another one registered it)."""
    name = trial.job.kind
    return KINDS.get(name) or dataclasses.replace(KINDS["train"], title=f"{name}, {{}}")


def _saw(verdict: Verdict) -> list[str]:
    """What the strategy's decisions were based on, what it learned, and the time it took."""
    found = list(verdict.saw)
    shares = [dict(trial.shares) for trial in verdict.tried if trial.shares]
    if shares:
        means = (f"{d}: {fmean(s[d] for s in shares):.2f}" for d in sorted(shares[0]))
        found.append(f"Weights of the depths at the end, means over seeds: {', '.join(means)}.")
    if verdict.expected_wall_seconds:
        took, said = duration(verdict.wall_seconds), duration(verdict.expected_wall_seconds)
        found.append(f"The last session took {took}; the estimate was {said}.")
    return found


def _stage(stage: Stage, told: Told) -> str:
    """A step of the walk, in one or two sentences."""
    name = layers(stage.depth)
    asked = f"{told.least} and {told.price} per layer" if told.price else told.least
    if stage.found == "too shallow" and stage.by is not None:
        gain = told.gain(stage.depth, stage.by)
        assert gain is not None
        verb = "gains" if stage.by == 1 else "gain"
        return (
            f"{name}: too shallow. {layers(stage.by)} {verb} {gain.text} ({gain.interval}),"
            f" shown to be more than {asked}."
        )
    if stage.found == "unstable":
        return f"{name}: unstable. {words.passed_over(told, stage)}"
    if stage.found == "enough":
        deeper = [gain for gain in told.gains if gain.shallow == stage.depth]
        most = [gain.most for gain in deeper if gain.bounded]
        if not most:
            return f"{name}: enough, as no deeper network is left to compare with."
        return (
            f"{name}: enough. Every deeper network is shown to gain less than {asked}:"
            f" {amount(told.metric, max(0.0, *most))} at most."
        )
    return (
        f"{name}: open. The gain of {listed(stage.against)} layers over it may lie on either side"
        f" of {asked}."
    )
