"""Claim 12: a GRU instead of an LSTM: score and speed, at equal parameters and at equal width."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.data import find
from lamina.data.read.files import read_bytes
from lamina.depth import equal_width
from lamina.store.atomic import write_text
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import (
    Interval,
    Outcome,
    difference,
    judge,
    mean,
    overall,
    percent_less,
    telling,
)
from measured.timing import quartiles, rounds
from measured.training import Record, Training, open_task
from measured.tuning import learning_rates

CLAIM = Claim(
    number=12,
    name="gru",
    title="GRU instead of LSTM",
    says="A GRU scores as well as an LSTM with as many parameters, and trains faster.",
    sources=(
        "Chung, Gulcehre, Cho and Bengio (2014), *Empirical Evaluation of Gated Recurrent Neural"
        " Networks on Sequence Modeling* (arXiv 1412.3555): GRU comparable to LSTM, on music and"
        " speech.",
        "That it is faster: a rule of thumb, with no known source.",
    ),
)
#: What may be lost for "as well": points of accuracy, percent of perplexity.
MARGIN = 1.0
RATES = (4e-3, 1e-2, 2.5e-2, 6e-2)
TURNS = 15
#: Sentences to train on and to validate.
SENTENCES = (2000, 500)
SAME, EQUAL = "GRU, same units", "GRU, same parameters"


@dataclass(frozen=True)
class Setting:
    """A task and how it is trained; ``files`` are the data that are not a corpus by name."""

    task: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    width: int
    epochs: int
    files: Callable[[Lab], dict[str, str]] | None = None


def treebank(lab: Lab) -> dict[str, str]:
    """The first sentences of the treebank's training and development files, and its test file."""
    files = find("ud_english_ewt")
    cut = {
        "source": _head(files["train"], SENTENCES[0], lab.scratch("train.conllu")),
        "validation": _head(files["validation"], SENTENCES[1], lab.scratch("dev.conllu")),
    }
    return {**cut, "test": str(files["test"])}


def _head(path: Path, count: int, made: Path) -> str:
    if not made.exists():
        sentences = read_bytes(path).decode().split("\n\n")[:count]
        write_text(made, "\n\n".join(sentences) + "\n\n")
    return str(made)


SETTINGS = {
    "The Time Machine": Setting(
        "language-model",
        {"source": "timemachine", "normalize": "letters", "batch_size": 16, "steps": 64},
        {"embedding": "onehot", "dropout": 0.1},
        128,
        12,
    ),
    "surnames": Setting(
        "classify",
        {"source": "names", "level": "char", "min_count": 1, "fractions": (0.4, 0.1, 0.5)},
        {"embedding": 32, "dropout": 0.3},
        64,
        10,
    ),
    "parts of speech": Setting(
        "tag",
        {},
        {"embedding": 64, "characters": "none", "dropout": 0.3},
        64,
        10,
        treebank,
    ),
}


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train an LSTM and two GRUs on each task; time them."""
    outcomes: dict[tuple[str, ...], Outcome] = {}
    rows, points = [], []
    told: list[str] = []
    for name, setting in SETTINGS.items():
        data = read(lab, setting)
        cells = networks(setting, data, 8 if lab.quick else setting.width)

        def training(
            cell: str,
            lr: float,
            seed: int,
            setting: Setting = setting,
            data: Any = data,
            cells: Any = cells,
        ) -> Training:
            settings = {"epochs": lab.epochs(setting.epochs), "lr": lr, "schedule": "cosine"}
            return Training(setting.task, data, cells[cell], settings, seed)

        utility = open_task(setting.task, data).metric.utility

        def score(record: Record, utility: Callable[[float], float] = utility) -> float:
            return utility(record.validated)

        rates = learning_rates(lab, cells, lab.some(RATES), training, score, count=2)
        found = lab.train(
            {cell: [training(cell, rates[cell], seed) for seed in lab.seeds] for cell in cells}
        )
        shapes = [{"data": data, "model": model} for model in cells.values()]
        ms = dict(zip(cells, rounds(lab, setting.task, {name: shapes}, TURNS)[name], strict=True))
        relative = found["LSTM"][0].metric == "perplexity"
        for cell, records in found.items():
            tested = [record.tested for record in records]
            base = [record.tested for record in found["LSTM"]]
            shown = mean(tested).show(".3f") if relative else percent(tested).show(".1f") + "%"
            row = [
                name, cell, f"{cells[cell]['width']}", f"{records[0].parameters:,}",
                f"{rates[cell]:g}", shown, "", quartiles(ms[cell]), "",
            ]  # fmt: skip
            if cell != "LSTM":
                better = percent_less(tested, base) if relative else points_more(tested, base)
                less = faster(ms[cell], ms["LSTM"])
                row[6], row[8] = better.show(), less.show("+.0f")
                points += [
                    point("test score: points better (text: %)", f"{name}, {cell}", better),
                    point("time of a step: % shorter", f"{name}, {cell}", less),
                ]
                if cell == EQUAL:
                    outcomes["the score", name] = as_well(better)
                    outcomes["the speed", name] = judge(less, low=0.0)
                    unit = "%" if relative else " points"
                    told.append(
                        f"{name}: score {better.show()}{unit}, step {less.show('+.0f')}% shorter"
                    )
            rows.append(tuple(row))

    finding = Finding(
        verdict=overall(
            outcomes.values(), telling(outcomes, ("whether score or speed matters", "the task"))
        ),
        because=(
            "A GRU with as many parameters as the LSTM, compared with it (positive: the GRU is"
            f" better): {'; '.join(told)}."
        ),
        rule=(
            "For the GRU with as many parameters: the score holds on a task if its loss is shown"
            f" to be less than {MARGIN:g} point (of perplexity {MARGIN:g}%), and fails if it is"
            " shown to be more; the speed holds if a step is shown to be shorter, and fails if it"
            " is shown to be longer."
        ),
        setting=(
            "One layer each: characters of The Time Machine (128 units, batches of 16 by 64, 12"
            " epochs), the language of a surname from its characters (40% of 20,050 for training,"
            " 50% for testing, 64 units, 10 epochs), English parts of speech (the first"
            f" {SENTENCES[0]:,} sentences of the Web Treebank, 64 units in each direction, 10"
            " epochs). Adam, cosine schedule; each cell uses the rate of"
            f" {', '.join(f'{rate:g}' for rate in RATES)} whose best validation score is best on"
            " average over the first two seeds. Test scores at the best validation epoch. The"
            " time of a step is CPU time on one thread: the cells take turns in one process, with"
            f" nothing else of the study running; medians of {TURNS} turns, {len(lab.seeds)}"
            " rounds."
        ),
        tables=(
            Table(
                (
                    "task", "cell", "units", "parameters", "rate", "test score",
                    "better than LSTM: points (text: %)", "ms per step: median (quartiles)",
                    "% shorter",
                ),
                tuple(rows),
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Speed is that of lamina's own core on one thread of one CPU, so it partly reflects"
            " that core, not only the cells. One layer, small data, no sequence longer than a few"
            " hundred steps."
        ),
    )  # fmt: skip
    chart = charts.dots(points, x="GRU against LSTM, better is to the right", at=0.0)
    return finding, chart


def read(lab: Lab, setting: Setting) -> dict[str, Any]:
    """The data of a setting; a small stand-in where it is quick."""
    if lab.quick:
        columns = {"text": "text", "label": "label"} if setting.task == "classify" else {}
        known = {k: v for k, v in setting.data.items() if k != "source"}
        return {**known, **columns, "source": lab.source(setting.task, "")}
    return {**setting.data, **(setting.files(lab) if setting.files else {})}


def networks(setting: Setting, data: Mapping[str, Any], width: int) -> dict[str, dict[str, Any]]:
    """The LSTM, and the GRUs with its units and with its parameters, as nearly as whole units
    allow."""
    task = open_task(setting.task, data)
    lstm = {**setting.model, "cell": "lstm", "depth": 1}
    gru = {**lstm, "cell": "gru"}
    wanted = equal_width(task, (1,), width, **lstm)[0].parameters
    tried = [equal_width(task, (1,), w, **gru)[0] for w in range(width, 2 * width)]
    same = min(tried, key=lambda candidate: abs(candidate.parameters - wanted))
    return {
        "LSTM": {**lstm, "width": width},
        SAME: {**gru, "width": width},
        EQUAL: {**gru, "width": same.width},
    }


def percent(values: Sequence[float]) -> Interval:
    """The mean of shares, in percent."""
    return mean([100 * value for value in values])


def points_more(first: Sequence[float], second: Sequence[float]) -> Interval:
    """The difference of shares, in points."""
    return difference([100 * x for x in first], [100 * x for x in second])


def faster(first: Sequence[float], second: Sequence[float]) -> Interval:
    """By how many percent a step is shorter, over rounds."""
    ratios = [math.log(a / b) for a, b in zip(first, second, strict=True)]
    return mean(ratios).map(lambda x: 0.0 - 100 * math.expm1(x))


def as_well(better: Interval) -> Outcome:
    """Whether the loss is less than the margin."""
    if better.high < -MARGIN:
        return "fails"
    return "holds" if better.low > -MARGIN else "open"


def point(panel: str, name: str, found: Interval) -> dict[str, Any]:
    """Of the chart."""
    return {"panel": panel, "name": name, "x": found.mean, "low": found.low, "high": found.high}


if __name__ == "__main__":
    main(CLAIM, measure)
