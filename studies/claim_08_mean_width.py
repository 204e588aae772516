"""Claim 8: the mean of input and output size as the number of hidden units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.tasks import Classify, LanguageModel
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import Interval, Outcome, mean, overall, percent_less_paired
from measured.training import Record, Training, open_task

CLAIM = Claim(
    number=8,
    name="mean_width",
    title="Hidden units: the mean of input and output size",
    says="A good number of hidden units is the mean of the input size and the output size.",
    sources=(
        "A rule of thumb from forums, for instance Stack Overflow, question 35520587 (for"
        " feed-forward networks); Heaton, *Introduction to Neural Networks for Java*, has a"
        " similar one.",
        "Against all such rules: Sarle (1995) on comp.ai.neural-nets.",
    ),
)
WIDTHS = (8, 16, 32, 64, 128, 256)
RATES = (3e-3, 1e-2)


@dataclass(frozen=True)
class Corpus:
    """A data set of the study. margin: what may be lost to the rule, in the unit of
    :func:`lost`."""

    task: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    margin: float

    @property
    def unit(self) -> str:
        """Of what is lost."""
        return "points of accuracy" if self.task == "classify" else "% of perplexity"


CORPORA = {
    "digits": Corpus("classify", {"source": "digits"}, {}, 12, 1.0),
    "names": Corpus(
        "classify",
        {"source": "names", "level": "char", "min_count": 1, "batch_size": 64},
        {"embedding": 32},
        5,
        1.0,
    ),
    "timemachine": Corpus(
        "language-model",
        {"source": "timemachine", "normalize": "letters", "batch_size": 16, "steps": 64},
        {"embedding": "onehot"},
        8,
        2.0,
    ),
}
#: Records of the learning rates and seeds of a width.
Trials = dict[tuple[int, float], list[Record]]


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every width with both learning rates; choose by the rule, and by validation."""
    sizes = {name: input_and_output(lab, name) for name in CORPORA}
    rules = {name: round(sum(size) / 2) for name, size in sizes.items()}
    found = lab.train(
        {
            (name, width, rate): [training(lab, name, width, rate, seed) for seed in lab.seeds]
            for name in CORPORA
            for width in sorted({*((4, 8) if lab.quick else WIDTHS), rules[name]})
            for rate in RATES
        }
    )
    trials: dict[str, Trials] = {name: {} for name in CORPORA}
    for (name, width, rate), records in found.items():
        trials[name][width, rate] = records

    losses: dict[str, Interval] = {}
    rows, width_rows, drawn = [], [], []
    for name, corpus in CORPORA.items():
        tried, rule = trials[name], rules[name]
        ruled = chosen(tried, [rule])
        searched = chosen(tried, [width for width, _ in tried])
        losses[name] = mean(lost(corpus, [r for _, r in ruled], [r for _, r in searched]))
        less = percent_less_paired(
            [r.test["loss"] for _, r in searched], [r.test["loss"] for _, r in ruled]
        )
        seconds = [
            sum(r.seconds for (w, _), records in tried.items() for r in records if w in widths)
            for widths in ({rule}, {width for width, _ in tried})
        ]
        rows.append(
            (
                name, f"{sizes[name][0]}, {sizes[name][1]}", str(rule),
                ", ".join(str(w) for w, _ in searched),
                shown(corpus, [r for _, r in ruled]), shown(corpus, [r for _, r in searched]),
                f"{losses[name].show()} {corpus.unit}", less.show(),
                f"{seconds[1] / seconds[0]:.0f}",
            )
        )  # fmt: skip
        panel = f"{name}: {'error (%)' if corpus.task == 'classify' else 'perplexity'}"
        for width in sorted({width for width, _ in tried}):
            records = [record for _, record in chosen(tried, [width])]
            score = mean(costs(corpus, records))
            kind = "the rule's" if width == rule else "other widths"
            drawn.append(
                {
                    "panel": panel, "series": kind, "x": width, "y": score.mean, "low": score.low,
                    "high": score.high,
                }
            )  # fmt: skip
            width_rows.append(
                (
                    f"{name}, {width}" + (" (rule)" if width == rule else ""),
                    f"{records[0].parameters:,}",
                    shown(corpus, records),
                    mean([record.test["loss"] for record in records]).show(".3f"),
                )
            )
    verdict = overall(
        [bears_out(losses[name], corpus.margin) for name, corpus in CORPORA.items()], "the data"
    )
    told = "; ".join(
        f"{losses[name].show()} {corpus.unit} on {name} (width {rules[name]})"
        for name, corpus in CORPORA.items()
    )
    finding = Finding(
        verdict=verdict,
        because=(
            f"Compared with a width found by search, the rule's width loses {told} (negative: it"
            " gains)."
        ),
        rule=(
            "It holds for a data set if the whole interval of the loss lies below 1 point of"
            " accuracy (2% of perplexity), and fails if the loss is larger than that and the"
            " interval excludes 0."
        ),
        setting=(
            "One GRU layer, dropout 0.1, Adam with a cosine schedule. scikit-learn's digits (8"
            " rows of 8 pixels, 12 epochs), surnames by character (18 languages, 5 epochs), The"
            " Time Machine by letter (8 epochs). The input size is the number of pixels in a row,"
            f" or the size of the alphabet. The search tries widths {', '.join(map(str, WIDTHS))}"
            f" and the rule's, each with learning rates {RATES[0]:g} and {RATES[1]:g}. For each"
            " seed the best on validation is taken, with its test score at the best validation"
            " epoch; intervals are of pairs with the same seed."
        ),
        tables=(
            Table(
                ("data", "input, output", "rule's width", "searched, by seed", "rule's test score",
                 "searched", "lost by the rule", "% lower test loss (nats) by search",
                 "search time (rule: 1)"),
                tuple(rows),
            ),
            Table(
                ("data, width", "parameters", "test score", "test loss (nats)"),
                tuple(width_rows),
                "Every width, at its better learning rate:",
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Three data sets, one layer. The rule was made for feed-forward networks, which were"
            " not measured. Times are of training runs that ran two at a time."
        ),
    )  # fmt: skip
    chart = charts.lines(
        drawn, x="units of the layer", y="test error or perplexity", series="width", kind="log",
        columns=3, own_x=True, joined=False,
    )  # fmt: skip
    return finding, chart


def input_and_output(lab: Lab, name: str) -> tuple[int, int]:
    """Sizes between which the rule takes the mean."""
    task = open_task(CORPORA[name].task, data_of(lab, name))
    if isinstance(task, LanguageModel):
        return len(task.vocabulary), len(task.vocabulary)
    assert isinstance(task, Classify)
    features = task.arrays["train"][0]
    inputs = features.shape[1] if features.ndim == 2 else len(task.processor.fitted)  # type: ignore[arg-type]
    return inputs, len(task.labels)


def data_of(lab: Lab, name: str) -> dict[str, Any]:
    """Fields of the task; the digits arrive with a package, and are small."""
    corpus = CORPORA[name]
    data = dict(corpus.data)
    if lab.quick and name != "digits":
        data["source"] = lab.source(corpus.task, name)
        if corpus.task == "classify":
            data |= {"text": "text", "label": "label"}
    return data


def training(lab: Lab, name: str, width: int, rate: float, seed: int) -> Training:
    """One width with one learning rate."""
    corpus = CORPORA[name]
    model = {"cell": "gru", "depth": 1, "dropout": 0.1, "width": width, **corpus.model}
    settings = {"epochs": lab.epochs(corpus.epochs), "lr": rate, "schedule": "cosine"}
    return Training(corpus.task, data_of(lab, name), model, settings, seed)


def chosen(trials: Trials, widths: Sequence[int]) -> list[tuple[int, Record]]:
    """For each seed, the best of some widths on the validation set, with its width."""
    among = [(width, records) for (width, _), records in trials.items() if width in widths]
    seeds = range(len(among[0][1]))
    return [
        min(((w, records[seed]) for w, records in among), key=lambda pair: validated(pair[1]))
        for seed in seeds
    ]


def validated(record: Record) -> float:
    """Less is better; infinite where training diverged."""
    sign = 1 if record.metric == "perplexity" else -1
    return float(np.nan_to_num(sign * record.validated, nan=np.inf))


def costs(corpus: Corpus, records: Sequence[Record]) -> list[float]:
    """Test error in percent, or test perplexity."""
    if corpus.task == "classify":
        return [100 * (1 - record.tested) for record in records]
    return [record.tested for record in records]


def lost(corpus: Corpus, ruled: Sequence[Record], searched: Sequence[Record]) -> list[float]:
    """Of each seed, in the corpus's unit."""
    pairs = zip(costs(corpus, ruled), costs(corpus, searched), strict=True)
    if corpus.task == "classify":
        return [one - other for one, other in pairs]
    return [100 * (one / other - 1) for one, other in pairs]


def shown(corpus: Corpus, records: Sequence[Record]) -> str:
    """The mean test score."""
    if corpus.task == "classify":
        return mean([100 * record.tested for record in records]).show(".1f") + "%"
    return mean([record.tested for record in records]).show(".3f")


def bears_out(loss: Interval, margin: float) -> Outcome:
    """What the rule's loss says of it."""
    if loss.high < margin:
        return "holds"
    return "fails" if loss.mean > margin and loss.low > 0 else "open"


if __name__ == "__main__":
    main(CLAIM, measure)
