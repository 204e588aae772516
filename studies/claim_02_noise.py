"""Claim 2: whether deep networks lose less than shallow ones where labels or inputs are noisy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lamina.data import corpus_table, digits, read_text_table
from lamina.depth import equal_parameters, equal_width
from measured.data.draws import Draw
from measured.jobs import Values
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import (
    Interval,
    Outcome,
    judge,
    mean,
    overall,
    paired,
    percent_less_paired,
    telling,
)
from measured.training import Training, open_task, train_and_score

CLAIM = Claim(
    number=2,
    name="noise",
    title="Depth against noise",
    says="Deep models are more robust to noisy input than shallow ones: 5-8% lower error.",
    sources=(
        "A rule of thumb, with no known source for the figure.",
        "On label noise, though not on depth: Rolnick, Veit, Belongie and Shavit (2017), *Deep"
        " learning is robust to massive label noise*.",
    ),
)
#: Percent by which the error is lower, at least; more is as well.
LEAST = 5.0
WIDTH, DEEP = 48, 3
SHALLOW_NAME, DEEP_NAME, EQUAL_NAME = "1 layer", f"{DEEP} layers", "1 layer, as many parameters"
RATES = (4e-3, 1e-2, 2e-2)
MODEL = {"cell": "gru", "dropout": 0.2}


@dataclass(frozen=True)
class Corpus:
    """data: fields but the files. sizes: of train, validation and test."""

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    sizes: tuple[int, int, int]


CORPORA = {
    "names": Corpus(
        {"text": "text", "level": "char", "min_count": 1, "batch_size": 64},
        {**MODEL, "embedding": 16},
        20,
        (2000, 500, 3000),
    ),
    "digits": Corpus({"id": "id", "batch_size": 32}, MODEL, 25, (700, 200, 897)),
}


@dataclass(frozen=True)
class Noise:
    """title: of its panel. of: what is noisy; labels are so in what is learnt from. seen: whether
    training sees the noise, or the test set alone has it. levels: shares, or
    standard deviations in units of those of each feature."""

    title: str
    corpus: str
    of: Literal["labels", "inputs"]
    seen: bool
    levels: tuple[float, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Its places in :data:`FACTORS`."""
        return self.corpus, self.of, "seen" if self.seen else "not seen"

    def files(self, draw: Draw, level: float) -> dict[str, str]:
        """Of the parts, as fields of the task."""
        if self.of == "labels":
            noisy = {part: draw.relabelled(part, level) for part in ("train", "validation")}
        else:
            parts = ("train", "validation", "test") if self.seen else ("test",)
            noisy = {part: draw.disturbed(part, level) for part in parts}
        return {**clean_files(draw), **{_FIELDS[part]: path for part, path in noisy.items()}}


_FIELDS = {"train": "source", "validation": "validation", "test": "test"}
KINDS = (
    Noise("names: share of labels drawn anew", "names", "labels", True, (0.2, 0.4)),
    Noise("digits: share of labels drawn anew", "digits", "labels", True, (0.2, 0.4)),
    Noise("names: share of typos, all parts", "names", "inputs", True, (0.1, 0.2)),
    Noise("digits: s.d. of noise, all parts", "digits", "inputs", True, (0.5, 1.0)),
    Noise("names: share of typos, test part alone", "names", "inputs", False, (0.1, 0.2)),
    Noise("digits: s.d. of noise, test part alone", "digits", "inputs", False, (0.5, 1.0)),
)
FACTORS = ("the data", "what is noisy", "whether training sees the noise")
#: Test errors in percent by level of noise, 0 among them; a seed each.
Errors = dict[float, list[float]]


@dataclass(frozen=True)
class Effect:
    """Of a kind of noise, in the mean of its noisy levels: by how many percent the error of the
    deep network is lower than that of the shallow one; how many points fewer noise costs it; the
    former without noise; and against one layer with the parameters of the deep one."""

    title: str
    lower: Interval
    spared: Interval
    before: Interval
    same: Interval

    @property
    def outcome(self) -> Outcome:
        """Of both halves of the claim together."""
        both = {judge(self.lower, LEAST), judge(self.spared, 0.0)}
        return "fails" if "fails" in both else "holds" if both == {"holds"} else "open"

    def row(self) -> tuple[str, ...]:
        """Of the table."""
        return (self.title, *(x.show() for x in (self.lower, self.spared, self.before, self.same)))


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every shape with every noise, and compare errors on equal draws."""
    draws = {name: _draws(lab, name) for name in CORPORA}
    shapes = {name: _shapes(name, draws[name][0]) for name in CORPORA}
    clean, rates = _clean(lab, draws, shapes)
    noisy = _noisy(lab, draws, shapes, rates)

    rows, points, effects = [], [], []
    for kind in KINDS:
        errors: dict[str, Errors] = {}
        for shape in shapes[kind.corpus]:
            plain = clean[kind.corpus, shape]
            errors[shape] = {0.0: [_error(values["test"]) for values in plain]}
            for level in _levels(lab, kind):
                errors[shape][level] = (
                    [_error(values["test"]) for values in noisy[kind, shape, level]]
                    if kind.seen
                    else [_error(values["elsewhere"].get(_key(kind, level))) for values in plain]
                )
        effects.append(_effect(kind, errors))
        for shape, of in errors.items():
            for level, values in of.items():
                shown = mean(values)
                point = {"y": shown.mean, "low": shown.low, "high": shown.high}
                points.append({"panel": kind.title, "x": level, "series": shape, **point})
            cells = (f"{np.mean(values):.1f}" for values in of.values())
            rows.append((kind.title, shape, *cells, mean(_lost(of)).show()))
    names = lab.some(("less noise", "more noise"), 1)
    outcomes: dict[tuple[str, ...], Outcome] = {
        kind.key: effect.outcome for kind, effect in zip(KINDS, effects, strict=True)
    }
    finding = Finding(
        verdict=overall(outcomes.values(), telling(outcomes, FACTORS)),
        because=_because(effects),
        rule=(
            f"For one kind of noise, averaged over its levels, it holds if the error of {DEEP}"
            f" layers is at least {LEAST:g}% lower than that of 1 layer of the same width and"
            " noise adds fewer points to it, both with intervals that exclude 0. It fails if one"
            " of the intervals does not overlap the claimed range."
        ),
        setting=_setting(shapes, rates),
        tables=(
            Table(
                ("noise", "% lower", "fewer points lost", "% lower without noise",
                 "% lower than with equal parameters"),
                tuple(effect.row() for effect in effects),
                f"Test error of {DEEP} layers compared with 1, averaged over the noise levels:",
            ),
            Table(
                ("noise", "layers", "no noise", *names, "points lost"),
                tuple(rows),
                "Test error in percent, and what noise adds to it:",
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Two small data sets, one cell, one width; learning rates were chosen without noise."
            " When the error is close to chance, noise has little left to add."
        ),
    )  # fmt: skip
    chart = charts.lines(
        points, x="noise (share; s.d. in units of each feature's s.d.)", y="test error, %",
        series="network", kind="quantitative", own_x=True,
    )  # fmt: skip
    return finding, chart


def _draws(lab: Lab, name: str) -> list[Draw]:
    if name == "digits":
        table = digits()
        inputs: Sequence[Any] = table.sequences
    else:
        if lab.quick:
            table = read_text_table(lab.source("classify", name), text="text", label="label")
        else:
            table = corpus_table(name, "table")
        inputs = [text.lower() for text in table.texts]
    sizes = (50, 20, 20) if lab.quick else CORPORA[name].sizes
    folder = lab.scratch(name)
    return [Draw(folder, inputs, table.labels or [], sizes, seed) for seed in lab.seeds]


def clean_files(draw: Draw) -> dict[str, str]:
    """Of the three parts without noise, as fields of the task."""
    return {field: draw.clean(part) for part, field in _FIELDS.items()}


def _shapes(name: str, draw: Draw) -> dict[str, dict[str, Any]]:
    """1, 2 and more layers of equal width, and one with the parameters of the deepest."""
    corpus = CORPORA[name]
    task = open_task("classify", {**corpus.data, **clean_files(draw)})
    deep = equal_width(task, (DEEP,), WIDTH, **corpus.model)[0]
    wide = equal_parameters(task, (1,), deep.parameters, **corpus.model)[0]
    return {
        SHALLOW_NAME: {"depth": 1, "width": WIDTH},
        "2 layers": {"depth": 2, "width": WIDTH},
        DEEP_NAME: {"depth": DEEP, "width": WIDTH},
        EQUAL_NAME: {"depth": 1, "width": wide.width},
    }


def _clean(
    lab: Lab,
    draws: Mapping[str, Sequence[Draw]],
    shapes: Mapping[str, Mapping[str, dict[str, Any]]],
) -> tuple[dict[tuple[str, str], list[Values]], dict[tuple[str, str], float]]:
    """Of each corpus and shape: trained without noise and tested with each noise that only the
    test set has; and the learning rate that is best on the validation set."""
    groups: dict[tuple[str, str, float], list[Values]] = {}
    for name, of in shapes.items():
        only = [kind for kind in KINDS if kind.corpus == name and not kind.seen]
        elsewhere = [
            {
                _key(kind, level): _tested_on(name, kind.files(draw, level)["test"])
                for kind in only
                for level in _levels(lab, kind)
            }
            for draw in draws[name]
        ]
        files = [clean_files(draw) for draw in draws[name]]
        for shape, layers in of.items():
            for rate in lab.some(RATES, 1):
                groups[name, shape, rate] = [
                    {**_arguments(lab, name, layers, rate, file, seed), "elsewhere": other}
                    for seed, file, other in zip(lab.seeds, files, elsewhere, strict=True)
                ]
    found = lab.grouped("training without noise", train_and_score, groups)
    rates: dict[tuple[str, str], float] = {}
    for (name, shape, rate), values in found.items():
        best = rates.setdefault((name, shape), rate)
        if _validated(values) > _validated(found[name, shape, best]):
            rates[name, shape] = rate
    return {key: found[(*key, rate)] for key, rate in rates.items()}, rates


def _validated(found: Sequence[Values]) -> float:
    """The mean; a run that diverged scores 0."""
    return sum(values["value"] or 0.0 for values in found) / len(found)


def _noisy(
    lab: Lab,
    draws: Mapping[str, Sequence[Draw]],
    shapes: Mapping[str, Mapping[str, dict[str, Any]]],
    rates: Mapping[tuple[str, str], float],
) -> dict[tuple[Noise, str, float], list[Values]]:
    """Trained with each noise that is in what is learnt from."""
    groups: dict[tuple[Noise, str, float], list[Values]] = {}
    for kind in (kind for kind in KINDS if kind.seen):
        name = kind.corpus
        for level in _levels(lab, kind):
            files = [kind.files(draw, level) for draw in draws[name]]
            for shape, layers in shapes[name].items():
                groups[kind, shape, level] = [
                    {
                        **_arguments(lab, name, layers, rates[name, shape], file, seed),
                        "elsewhere": {},
                    }
                    for seed, file in zip(lab.seeds, files, strict=True)
                ]
    return lab.grouped("training with noise", train_and_score, groups)


def _arguments(
    lab: Lab, name: str, layers: Mapping[str, Any], rate: float, files: Mapping[str, str], seed: int
) -> Values:
    corpus = CORPORA[name]
    settings = {"epochs": lab.epochs(corpus.epochs), "lr": rate, "schedule": "cosine"}
    data, model = {**corpus.data, **files}, {**corpus.model, **layers}
    return Training("classify", data, model, settings, seed).arguments()


def _tested_on(name: str, path: str) -> Values:
    """Fields of a test set alone, read as the network reads."""
    return {"source": path, "batch_size": CORPORA[name].data["batch_size"]}


def _levels(lab: Lab, kind: Noise) -> list[float]:
    return lab.some(kind.levels, 1)


def _key(kind: Noise, level: float) -> str:
    return f"{kind.title} {level:g}"


def _error(test: Mapping[str, float] | None) -> float:
    """In percent; 100 if the run diverged."""
    return 100 * (1 - (test or {}).get("accuracy", 0.0))


def _mixed(errors: Errors) -> list[float]:
    """The mean of the noisy levels, a seed each."""
    return np.mean([values for level, values in errors.items() if level], axis=0).tolist()


def _lost(errors: Errors) -> list[float]:
    return [a - b for a, b in zip(_mixed(errors), errors[0.0], strict=True)]


def _effect(kind: Noise, errors: Mapping[str, Errors]) -> Effect:
    deep, shallow, equal = (errors[name] for name in (DEEP_NAME, SHALLOW_NAME, EQUAL_NAME))
    return Effect(
        kind.title,
        percent_less_paired(_mixed(deep), _mixed(shallow)),
        paired(_lost(shallow), _lost(deep)),
        percent_less_paired(deep[0.0], shallow[0.0]),
        percent_less_paired(_mixed(deep), _mixed(equal)),
    )


def _because(effects: Sequence[Effect]) -> str:
    lower = [effect.lower for effect in effects]
    much = sum(judge(x, LEAST) == "holds" for x in lower)
    fewer = sum(effect.spared.low > 0 for effect in effects)
    more = sum(effect.spared.high < 0 for effect in effects)
    return (
        f"Over {len(effects)} kinds of noise, the error of {DEEP} layers is"
        f" {min(x.mean for x in lower):+.0f} to {max(x.mean for x in lower):+.0f}% lower than that"
        " of 1 layer of the same width (negative: higher). It is shown to be lower, by an estimated"
        f" {LEAST:g}% or more, for {much} of them. Noise adds fewer points of error to {DEEP}"
        f" layers for {fewer} of them and more for {more}; for the other"
        f" {len(effects) - fewer - more}, the interval includes 0."
    )


def _setting(
    shapes: Mapping[str, Mapping[str, dict[str, Any]]], rates: Mapping[tuple[str, str], float]
) -> str:
    chosen = "; ".join(
        f"{name}: " + ", ".join(f"{rates[name, shape]:g} for {shape}" for shape in of)
        for name, of in shapes.items()
    )
    tried = ", ".join(f"{rate:g}" for rate in RATES)
    wide = " and ".join(f"{of[EQUAL_NAME]['width']} units ({name})" for name, of in shapes.items())
    names, images = CORPORA["names"], CORPORA["digits"]
    return (
        f"GRU of {WIDTH} units per layer; one layer with as many parameters as {DEEP} has {wide}."
        " Dropout 0.2, Adam with a cosine schedule. Surnames read character by character, 18"
        f" languages ({_sizes(names)}), and images of digits read row by row ({_sizes(images)})."
        " Each seed draws other examples and other noise, the same for all networks. Noisy labels"
        " are drawn uniformly from all classes, in the training and the validation set. A typo"
        " replaces, drops or inserts a character. Pixel noise is Gaussian, in units of each pixel"
        f" column's standard deviation over the training set. Learning rate: the best of {tried}"
        f" on the validation set without noise ({chosen}). Test error at the best validation"
        " epoch; intervals are of pairs with equal draws."
    )


def _sizes(corpus: Corpus) -> str:
    train, validation, test = corpus.sizes
    sizes = f"{train:,} training, {validation} validation and {test:,} test examples"
    return f"{sizes}, {corpus.epochs} epochs"


if __name__ == "__main__":
    main(CLAIM, measure)
