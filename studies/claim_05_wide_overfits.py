"""Claim 5: whether one wide layer overfits sooner than a deep network of the same size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.data import corpus_table, find, read_text, read_text_table
from lamina.depth import equal_parameters, equal_width
from measured.curves import Curve, watch
from measured.data.draws import Draw
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import Interval, Outcome, judge, mean, overall, paired, telling
from measured.training import Training, open_task

CLAIM = Claim(
    number=5,
    name="wide_overfits",
    title="Wide layers overfit sooner",
    says="One wide layer overfits sooner than a deep network of the same size.",
    sources=(
        "A rule of thumb from advice columns, with no known source.",
        "That deep networks generalise better than wide ones with as many parameters, for"
        " networks that are not recurrent: Sa-Couto, Ramos and Wichert (2022), *The smooth output"
        " assumption, and why deep networks are better than wide ones*.",
    ),
)
WIDE, DEEP = 1, 3
#: Units of the wide layer.
WIDTH = 72
DROPOUTS = (0.0, 0.3)
RATES = (2e-3, 5e-3)
#: Draws that choose the learning rate.
TRIED = 2
VALIDATION = 1000


@dataclass(frozen=True)
class Corpus:
    """sizes: examples, or characters, to train on: epochs, and how many between evaluations."""

    task: str
    unit: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    sizes: Mapping[int, tuple[int, int]]


CORPORA = {
    "The Time Machine": Corpus(
        "language-model",
        "characters",
        {"normalize": "letters", "batch_size": 16, "steps": 32},
        {"cell": "lstm", "embedding": "onehot"},
        {2500: (150, 5), 8000: (90, 3), 25_000: (72, 3)},
    ),
    "surnames": Corpus(
        "classify",
        "examples",
        {"text": "text", "level": "char", "min_count": 1, "batch_size": 32},
        {"cell": "lstm", "embedding": 16},
        {250: (60, 2), 1000: (30, 1), 4000: (16, 1)},
    ),
}


@dataclass(frozen=True)
class Setting:
    """What both networks share."""

    corpus: str
    size: int
    dropout: float

    @property
    def title(self) -> str:
        """Of a row."""
        unit = CORPORA[self.corpus].unit
        return f"{self.corpus}, {self.size:,} {unit}, dropout {self.dropout:g}"


@dataclass(frozen=True)
class Effect:
    """Of the wide against the deep network, on equal draws. later: by how many percent more steps
    the deep one has its least validation loss. The rest is the wide one's less the deep one's, in
    nats: least validation loss; gap there; what is lost by the end; validation loss where training
    losses are equal, the least that both reach. turned: whether validation loss of the wide, and
    of the deep one, rose before the end in every draw."""

    setting: Setting
    later: Interval
    best: Interval
    gap: Interval
    overtrained: Interval
    equal: Interval
    turned: tuple[bool, bool]

    @property
    def outcome(self) -> Outcome:
        """Whether the wide one turns sooner. Of who was still best at the end it is not known when
        that would be, only that it is later."""
        found = judge(self.later, low=0.0)
        wide, deep = self.turned
        if (found == "holds" and not wide) or (found == "fails" and not deep):
            return "open"
        return found

    def row(self) -> tuple[str, ...]:
        """Of the table."""
        losses = (self.best, self.gap, self.overtrained, self.equal)
        shown = (x.show("+.2f") for x in losses)
        return (self.setting.title, self.later.show("+.0f"), *shown)


FACTORS = ("the data", "their size", "dropout")
#: Of each setting and depth, a curve a draw.
Curves = dict[tuple[Setting, int], list[Curve]]


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train both networks in every setting, and compare their curves."""
    settings = [
        Setting(name, size, dropout)
        for name, corpus in CORPORA.items()
        for size in lab.some(list(corpus.sizes), 1)
        for dropout in DROPOUTS
    ]
    data = {setting: _data(lab, setting) for setting in settings}
    shapes = {
        name: _shapes(name, [data[s][0] for s in settings if s.corpus == name][-1])
        for name in CORPORA
    }
    found, rates = _train(lab, data, shapes)

    effects = [_effect(s, found[s, WIDE], found[s, DEEP]) for s in settings]
    rows, points = [], []
    for (setting, depth), curves in found.items():
        steps = _steps(curves)
        rows.append(
            (
                setting.title,
                _named(depth),
                f"{rates[setting, depth]:g}",
                f"{steps.mean:,.0f} ({steps.low:,.0f} to {steps.high:,.0f})",
                f"{sum(curve.ends_best for curve in curves)} of {len(curves)}",
                mean([min(curve.validation) for curve in curves]).show(".2f"),
                f"{np.mean([curve.gap for curve in curves]):.2f}",
                f"{np.mean([curve.overtrained for curve in curves]):.2f}",
            )
        )
        point = {"y": steps.mean, "low": steps.low, "high": steps.high}
        panel = f"{setting.corpus}, dropout {setting.dropout:g}"
        points.append({"panel": panel, "x": setting.size, "series": _named(depth), **point})
    outcomes: dict[tuple[str, ...], Outcome] = {
        _key(effect.setting): effect.outcome for effect in effects
    }
    finding = Finding(
        verdict=overall(outcomes.values(), telling(outcomes, FACTORS)),
        because=_because(effects, found, rates),
        rule=(
            "In a setting it holds if the wide network reaches its lowest validation loss after"
            " fewer steps than the deep one, with an interval that excludes 0, and fails if the"
            " deep one does. A network that is still at its best at the end of some draw has not"
            " turned sooner."
        ),
        setting=_setting(shapes),
        tables=(
            Table(
                ("setting", "deep is best later, %", "best loss", "gap there", "lost by the end",
                 "loss at equal training loss"),
                tuple(effect.row() for effect in effects),
                "One wide layer minus a deep network, validation loss in nats (above 0: the wide"
                " one is worse):",
            ),
            Table(
                ("setting", "network", "rate", "best at step", "best at the end", "best loss",
                 "gap there", "lost by the end"),
                tuple(rows),
                "Each network (geometric mean of steps, loss in nats):",
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Small networks and small samples of two data sets. The step with the lowest"
            " validation loss depends on the learning rate; the comparison at equal training loss"
            " does not depend on how fast a network learns. Steps are known to within one"
            " evaluation."
        ),
    )  # fmt: skip
    chart = charts.lines(
        points, x="training part (characters or examples)",
        y="steps to the least validation loss", series="network", kind="log", log=True,
    )  # fmt: skip
    return finding, chart


def _data(lab: Lab, setting: Setting) -> list[dict[str, Any]]:
    """Fields of the task, a draw for each seed."""
    corpus = CORPORA[setting.corpus]
    if corpus.task == "language-model":
        files = [_stretch(lab, setting.size, seed) for seed in lab.seeds]
    else:
        files = [_names(lab, setting.size, seed) for seed in lab.seeds]
    return [{**corpus.data, **file} for file in files]


def _stretch(lab: Lab, size: int, seed: int) -> dict[str, Any]:
    """So many characters of the first 80% of the text from a place drawn at random; the next tenth
    validates."""
    path = lab.source("language-model", "timemachine")
    text = read_text(path if lab.quick else find(path)["text"])
    last = int(0.8 * len(text))
    begin = int(np.random.default_rng(seed).integers(max(last - size, 1)))
    made = {
        "source": (f"text-{size}-{seed}.txt", text[begin : begin + min(size, last)]),
        "validation": ("text-validation.txt", text[last : int(0.9 * len(text))]),
    }
    for name, content in made.values():
        lab.scratch(name).write_text(content, encoding="utf-8")
    paths = {field: str(lab.scratch(name)) for field, (name, _) in made.items()}
    return {**paths, "fractions": [1.0, 0.0, 0.0]}


def _names(lab: Lab, size: int, seed: int) -> dict[str, Any]:
    if lab.quick:
        table = read_text_table(lab.source("classify", "names"), text="text", label="label")
    else:
        table = corpus_table("names", "table")
    sizes = (40, 20, 1) if lab.quick else (size, VALIDATION, 1)
    texts = [text.lower() for text in table.texts]
    draw = Draw(lab.scratch(f"names-{size}"), texts, table.labels or [], sizes, seed)
    files = {"source": draw.clean("train"), "validation": draw.clean("validation")}
    return {**files, "fractions": [1.0, 0.0, 0.0]}


def _shapes(name: str, data: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The wide network, and a deep one with its parameters."""
    corpus = CORPORA[name]
    task = open_task(corpus.task, data)
    wide = equal_width(task, (WIDE,), WIDTH, **corpus.model)[0]
    deep = equal_parameters(task, (DEEP,), wide.parameters, **corpus.model)[0]
    return {c.depth: {"depth": c.depth, "width": c.width} for c in (wide, deep)}


def _train(
    lab: Lab,
    data: Mapping[Setting, Sequence[Mapping[str, Any]]],
    shapes: Mapping[str, Mapping[int, Mapping[str, Any]]],
) -> tuple[Curves, dict[tuple[Setting, int], float]]:
    """The curves of each setting and depth, and the learning rate: the one whose least validation
    loss is best in the mean of the first draws."""

    def jobs(setting: Setting, depth: int, rate: float, draws: int) -> list[dict[str, Any]]:
        corpus = CORPORA[setting.corpus]
        epochs, every = corpus.sizes[setting.size]
        model = {**corpus.model, **shapes[setting.corpus][depth], "dropout": setting.dropout}
        training = {"epochs": lab.epochs(epochs), "evaluate_every": every, "lr": rate}
        return [
            Training(corpus.task, data[setting][k], model, training, seed).arguments()
            for k, seed in enumerate(lab.seeds[:draws])
        ]

    first = {
        (setting, depth, rate): jobs(setting, depth, rate, TRIED)
        for setting in data
        for depth in (WIDE, DEEP)
        for rate in lab.some(RATES, 1)
    }
    least = {
        key: float(np.mean([min(values["validation"], default=math.inf) for values in found]))
        for key, found in lab.grouped("choice of learning rates", watch, first).items()
    }
    rates = {
        (setting, depth): min(lab.some(RATES, 1), key=lambda r, s=setting, d=depth: least[s, d, r])
        for setting, depth, _ in least
    }
    every = {(s, d): jobs(s, d, rate, len(lab.seeds)) for (s, d), rate in rates.items()}
    return {
        key: [Curve(*(tuple(v[part]) for part in ("steps", "train", "validation"))) for v in found]
        for key, found in lab.grouped("training", watch, every).items()
    }, rates


def _effect(setting: Setting, wide: Sequence[Curve], deep: Sequence[Curve]) -> Effect:
    def less(value: Any) -> Interval:
        return paired([value(curve) for curve in wide], [value(curve) for curve in deep])

    later = paired(_log_steps(deep), _log_steps(wide)).map(lambda x: 100 * math.expm1(x))
    common = [max(min(one.train), min(other.train)) for one, other in zip(wide, deep, strict=True)]
    equal = paired(
        [curve.validation_at(loss) for curve, loss in zip(wide, common, strict=True)],
        [curve.validation_at(loss) for curve, loss in zip(deep, common, strict=True)],
    )
    return Effect(
        setting,
        later,
        less(lambda curve: min(curve.validation)),
        less(lambda curve: curve.gap),
        less(lambda curve: curve.overtrained),
        equal,
        (not any(curve.ends_best for curve in wide), not any(curve.ends_best for curve in deep)),
    )


def _key(setting: Setting) -> tuple[str, ...]:
    """Its places in :data:`FACTORS`; sizes by their rank."""
    rank = list(CORPORA[setting.corpus].sizes).index(setting.size)
    return setting.corpus, str(rank), f"{setting.dropout:g}"


def _log_steps(curves: Sequence[Curve]) -> list[float]:
    return [math.log(curve.steps[curve.best]) for curve in curves]


def _steps(curves: Sequence[Curve]) -> Interval:
    """Where validation loss is least: the geometric mean."""
    return mean(_log_steps(curves)).map(lambda x: math.exp(min(x, 50.0)))


def _because(
    effects: Sequence[Effect], found: Curves, rates: Mapping[tuple[Setting, int], float]
) -> str:
    def told(name: str) -> str:
        intervals = [getattr(effect, name) for effect in effects]
        more, less = (sum(x.low > 0 for x in intervals), sum(x.high < 0 for x in intervals))
        return f"for the wide network in {more} and for the deep one in {less}"

    def count(outcome: Outcome, settings: Sequence[Effect] = effects) -> int:
        return [effect.outcome for effect in settings].count(outcome)

    by_dropout = {d: [e for e in effects if e.setting.dropout == d] for d in DROPOUTS}
    apart = [
        f"{count('holds', of)} of {len(of)} with dropout {d:g}" for d, of in by_dropout.items()
    ]
    alike = sum(rates[e.setting, WIDE] == rates[e.setting, DEEP] for e in effects)
    curves = [curve for of in found.values() for curve in of]
    return (
        f"Of {len(effects)} settings, validation loss is shown to turn earlier for the wide"
        f" network in {count('holds')} ({', '.join(apart)}) and earlier for the deep one in"
        f" {count('fails')}; both use the same learning rate in {alike}. The lowest validation"
        f" loss is shown to be higher {told('best')}; the loss added by training on to the end,"
        f" {told('overtrained')}; validation loss at equal training loss, {told('equal')}. In"
        f" {sum(curve.ends_best for curve in curves)} of {len(curves)} training runs, validation"
        " loss was still at its lowest at the end."
    )


def _setting(shapes: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> str:
    told = "; ".join(
        f"{name}: 1 layer of {_units(of[WIDE])}, {DEEP} of {_units(of[DEEP])} units"
        for name, of in shapes.items()
    )
    return (
        f"LSTM with equal parameters, embedding and output included, to within 1% ({told}). The"
        " task is the next character in passages of The Time Machine, which start at a random"
        " place for each seed, or the language of surnames, drawn for each seed, from their"
        " characters. Adam at a constant rate, so that no schedule determines when learning ends;"
        f" of {RATES[0]:g} and {RATES[1]:g}, each network uses in each setting the one with the"
        f" lower validation loss over {TRIED} draws. Equal numbers of steps, equal draws. Both"
        " losses are measured without dropout, on the whole training set and on a validation set;"
        " the claim is about these curves, and no test set is used."
    )


def _units(shape: Mapping[str, Any]) -> str:
    width = shape["width"]
    return str(width) if isinstance(width, int) else "-".join(map(str, width))


def _named(depth: int) -> str:
    return "1 wide layer" if depth == WIDE else f"{depth} layers"


if __name__ == "__main__":
    main(CLAIM, measure)
