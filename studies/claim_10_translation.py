"""Claim 10: what a second and a third layer are worth in translation."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

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
)
from measured.training import Training
from measured.tuning import learning_rates

CLAIM = Claim(
    number=10,
    name="translation",
    title="Two or three layers in translation",
    says="In translation, two or three layers are worth 2-5% BLEU (Multi30k).",
    sources=(
        "A rule of thumb, with no known source for the figure; it does not say whether percent or"
        " points are meant.",
        "On depth in recurrent translation: Wu et al. (2016), *Google's Neural Machine Translation"
        " System*; Britz, Goldie, Luong and Le (2017), *Massive Exploration of Neural Machine"
        " Translation Architectures*; Miceli Barone, Helcl, Sennrich, Haddow and Birch (2017),"
        " *Deep Architectures for Neural Machine Translation*.",
    ),
)
LOW, HIGH = 2.0, 5.0
#: Name -> layers, and whether what a layer reads is added to what it gives.
SHAPES = {
    "1 layer": (1, True),
    "2 layers": (2, True),
    "3 layers": (3, True),
    "2 layers, no residuals": (2, False),
}
BASE = "1 layer"
RATES = (2e-3, 4e-3)
WIDTH, SUBWORDS, BATCH, EPOCHS = 96, 2000, 32, 3


def measure(lab: Lab) -> tuple[Finding, str]:
    """Choose a learning rate for each shape, train it with every seed, compare with one layer."""
    rates = learning_rates(lab, SHAPES, RATES, functools.partial(training, lab))
    found = lab.train({n: [training(lab, n, rates[n], s) for s in lab.seeds] for n in SHAPES})
    bleu = {name: [100 * record.tested for record in records] for name, records in found.items()}
    relative = {n: percent_more(bleu[n], bleu[BASE]) for n in SHAPES if n != BASE}
    points = {n: difference(bleu[n], bleu[BASE]) for n in relative}
    percent_says: dict[str, Outcome] = {n: judge(gain, LOW, HIGH) for n, gain in relative.items()}
    points_say: dict[str, Outcome] = {n: judge(gain, LOW, HIGH) for n, gain in points.items()}
    verdict = overall(
        [either(percent_says[n], points_say[n]) for n in relative],
        "the number of layers and their residual connections",
    )
    rows, drawn = [], []
    for name, records in found.items():
        score = mean(bleu[name])
        chrf = mean([100 * record.test["chrf"] for record in records])
        others = ("", "", "", "")
        if name != BASE:
            others = (
                relative[name].show(), percent_says[name], points[name].show(), points_say[name],
            )  # fmt: skip
        rows.append(
            (name, f"{records[0].parameters:,}", f"{rates[name]:g}", score.show(".1f"),
             chrf.show(".1f"), *others)
        )  # fmt: skip
        drawn.append({"x": name, "y": score.mean, "low": score.low, "high": score.high})
    trained = sum(map(len, found.values()))
    unfinished = sum(r.best_epoch == r.epochs for records in found.values() for r in records)
    at_edge = sum(rate == max(RATES) for rate in rates.values())
    told = "; ".join(f"{n}: {relative[n].show()}%, or {points[n].show()} points" for n in relative)
    finding = Finding(
        verdict=verdict,
        because=f"Test BLEU compared with one layer of the same width: {told}.",
        rule=(
            "Both readings are judged: percent of one layer's BLEU, and points. For a shape, each"
            f" holds if the gain is between {LOW:g} and {HIGH:g} and its interval excludes 0, and"
            " fails if the interval does not overlap that range. A shape supports the claim if"
            " one of the two holds."
        ),
        setting=(
            f"Multi30k, English to German: 29,000 pairs, {SUBWORDS:,} joint subwords, {WIDTH}"
            " units in every layer and in the tied embedding. GRU, a bidirectional first layer in"
            " the encoder, as many layers in the decoder, attention. Residual connections (Wu et"
            f" al. 2016) unless noted. Dropout 0.1, batches of {BATCH} pairs, {EPOCHS} epochs,"
            " Adam with a cosine schedule after 200 steps of warm-up. The learning rate is the"
            f" better of {RATES[0]:g} and {RATES[1]:g} for each shape, by validation BLEU with"
            " seed 0. Greedy decoding; sacrebleu's BLEU (13a, cased, one reference) on the 2016"
            " test set, at the best validation epoch."
        ),
        tables=(
            Table(
                ("shape", "parameters", "learning rate", "test BLEU", "chrF", "% more BLEU",
                 "as percent", "points more", "as points"),
                tuple(rows),
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "A small network and short training, with as many epochs for every depth:"
            f" {unfinished} of {trained} training runs were best at their last epoch, so this is"
            f" what depth is worth by then, not in the end. {at_edge} of {len(SHAPES)} shapes"
            " chose the largest learning rate tried. Equal width, so deeper networks have more"
            " parameters."
        ),
    )  # fmt: skip
    chart = charts.lines(drawn, x="shape", y="test BLEU (points)", joined=False)
    return finding, chart


def training(lab: Lab, name: str, rate: float, seed: int) -> Training:
    """One shape with one learning rate."""
    depth, residual = SHAPES[name]
    width = 16 if lab.quick else WIDTH
    data: Mapping[str, Any] = {
        "source": lab.source("translate", "multi30k"),
        "subwords": 300 if lab.quick else SUBWORDS,
        "batch_size": BATCH,
    }
    model = {
        "depth": depth, "residual": residual, "width": width, "embedding": width,
        "tied": "all", "dropout": 0.1, "beam": 1,
    }  # fmt: skip
    settings = {
        "epochs": lab.epochs(EPOCHS), "lr": rate, "schedule": "cosine", "warmup_steps": 200,
    }  # fmt: skip
    return Training("translate", data, model, settings, seed)


def percent_more(first: Sequence[float], second: Sequence[float]) -> Interval:
    """By how many percent ``first`` is above ``second``; a score of 0 counts as 0.01."""
    a, b = ([max(x, 0.01) for x in values] for values in (first, second))
    return percent_less(a, b).map(lambda x: -x)


def either(one: Outcome, other: Outcome) -> Outcome:
    """Of a sentence that can be read in two ways."""
    if "holds" in (one, other):
        return "holds"
    return "fails" if one == other == "fails" else "open"


if __name__ == "__main__":
    main(CLAIM, measure)
