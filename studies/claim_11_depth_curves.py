"""Claim 11: how deep on which task? Depths 1 to 6 on every task, at equal width and equal size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina.depth import equal_parameters, equal_width
from lamina.depth.ask.advice import facts_of, suggest
from lamina.depth.judge.decision import decide
from lamina.depth.judge.outcome import Decision
from lamina.depth.phrases import listed_range
from lamina.spec import Metric
from measured.data import cuts
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import Outcome, mean, overall
from measured.training import Record, Training, open_task
from measured.tuning import learning_rates

CLAIM = Claim(
    number=11,
    name="depth_curves",
    title="How deep for which task: 1-2 layers, 3-5 for translation and speech",
    says=(
        "Simple tasks need 1-2 layers, translation and speech 3-5, and data sets under 10,000"
        " sequences at most 3. These are common rules (`lamina depth --strategy rules` lists"
        " them)."
    ),
    sources=(
        "Common advice; for translation also Wu et al. (2016), *Google's neural machine"
        " translation system*, section 3.1; for speech Graves, Mohamed and Hinton (2013), *Speech"
        " recognition with deep recurrent neural networks*.",
    ),
)
DEPTHS = (1, 2, 3, 4, 5, 6)
#: What a deeper network must gain: points of a share, percent of any other score.
MARGIN = 1.0
#: The depth whose parameters the networks of equal size have.
SIZED_AS = 2
WIDTH, SIZE = "equal width", "equal parameters"


@dataclass(frozen=True)
class Subject:
    """A data set, with its network and training settings at every depth."""

    task: str
    data: Mapping[str, Any]
    width: int
    epochs: int
    model: Mapping[str, Any] = field(default_factory=dict)
    rates: tuple[float, float] = (3e-3, 1e-2)


def subjects(lab: Lab) -> dict[str, Subject]:
    """Every task of the project, on as much of each data set as many training runs allow."""
    if lab.quick:
        text = {"text": "text", "min_count": 1}
        return {
            "a text": Subject("language-model", {"source": lab.source("language-model", "")}, 8, 2),
            "reviews": Subject("classify", {"source": lab.source("classify", ""), **text}, 8, 2),
        }

    def part(corpus: str, role: str, count: int, suffix: str) -> str:
        return cuts.cut(corpus, role, count, lab.scratch(f"{corpus}-{role}-{count}{suffix}"))

    def parts(corpus: str, counts: Sequence[int], suffix: str) -> dict[str, str]:
        roles = ("train", "validation", "test")
        files = [part(corpus, r, n, suffix) for r, n in zip(roles, counts, strict=True)]
        return dict(zip(("source", "validation", "test"), files, strict=True))

    reviews = {
        "source": part("imdb", "train", 4000, ".jsonl"),
        "test": part("imdb", "test", 3000, ".jsonl"),
        "fractions": [0.8, 0.2, 0],
    }
    wiki = cuts.start("wikitext2", "train", 500_000, lab.scratch("wikitext2-start.txt"))
    chains = {
        role: part("protein_ss3", role, 500, ".fasta") for role in ("sequences", "labels", "mask")
    }
    pairs = {
        part: cuts.side_by_side(
            "multi30k", (f"{role}.en", f"{role}.de"), count, lab.scratch(f"multi30k-{part}.tsv")
        )
        for part, role, count in (("source", "train", 4500), ("validation", "validation", 200),
                                  ("test", "test", 400))
    }  # fmt: skip
    spoken = cuts.spoken_digits(lab.scratch("digits"), 400, 100, 200)
    spans = {"characters": "convolution", "embedding": 64, "dropout": 0.3}
    letters = {"embedding": "onehot", "dropout": 0.1}
    return {
        "Time Machine, characters": Subject(
            "language-model",
            {"source": "timemachine", "normalize": "letters", "max_tokens": 60_000,
             "batch_size": 4, "steps": 50},
            64, 6, letters, (5e-3, 1.5e-2),
        ),
        "WikiText-2, words": Subject(
            "language-model",
            {"source": wiki, "level": "space", "max_vocabulary": 2000, "batch_size": 5},
            64, 3, {"embedding": 64, "tied": True, "dropout": 0.2},
        ),
        "IMDB, reviews": Subject(
            "classify", {**reviews, "max_tokens": 80, "text": "text", "batch_size": 16},
            48, 3, {"embedding": 48, "dropout": 0.3, "pooling": "max"},
        ),
        "TREC, questions": Subject(
            "classify", {"source": "trec"}, 64, 6, {"embedding": 64, "dropout": 0.3}
        ),
        "names, characters": Subject(
            "classify", {"source": "names", "level": "char", "min_count": 1, "batch_size": 64},
            64, 5, {"embedding": 32, "dropout": 0.1},
        ),
        "digits, rows of pixels": Subject("classify", {"source": "digits"}, 33, 20),
        "Japanese vowels": Subject(
            "classify", {"source": "japanese_vowels", "batch_size": 8}, 32, 30
        ),
        "CoNLL-2003, entities": Subject(
            "tag", {**parts("conll2003", (1500, 600, 600), ".conll"), "scheme": "IOBES",
                    "batch_size": 8},
            48, 6, spans,
        ),
        "UD English, parts of speech": Subject(
            "tag", {**parts("ud_english_ewt", (1500, 600, 600), ".conllu"), "batch_size": 8},
            48, 5, spans,
        ),
        "protein structure": Subject(
            "tag", {"source": chains["sequences"], "label": chains["labels"],
                    "mask": chains["mask"], "batch_size": 4},
            32, 4, {"embedding": 24, "dropout": 0.1},
        ),
        "ETTh1, 24 hours ahead": Subject(
            "forecast",
            {"source": "etth1", "series": ["OT"], "look_back": 192, "horizon": 24,
             "batch_size": 32},
            64, 3, {"segment": 12, "dropout": 0.2}, (1e-3, 3e-3),
        ),
        "Multi30k, English to German": Subject(
            "translate",
            {"source": pairs["source"], "validation": [pairs["validation"]],
             "test": [pairs["test"]], "subwords": 1500, "max_tokens": 24, "batch_size": 16},
            64, 5, {"embedding": 64, "tied": "all", "beam": 1, "dropout": 0.2}, (3e-3, 6e-3),
        ),
        "digits spoken in strings": Subject(
            "transcribe",
            {"source": spoken["train"], "validation": spoken["validation"],
             "test": spoken["test"], "level": "word", "step_ms": 20.0, "batch_size": 2},
            48, 8, {"bidirectional": True, "dropout": 0.1}, (1.5e-3, 3e-3),
        ),
    }  # fmt: skip


#: A data set, how its networks are equal, and a depth.
Key = tuple[str, str, int]


def networks(lab: Lab, name: str, subject: Subject) -> dict[Key, dict[str, Any]]:
    """The options of each; the one that both kinds share is one network."""
    depths = lab.some(DEPTHS)
    task, options = open_task(subject.task, subject.data), dict(subject.model)
    wide = equal_width(task, depths, subject.width, **options)
    size = next(c.parameters for c in wide if c.depth == SIZED_AS)
    even = equal_parameters(task, depths, size, **options)
    found: dict[Key, dict[str, Any]] = {}
    for kind, candidates in ((WIDTH, wide), (SIZE, even)):
        for c in candidates:
            width = subject.width if c.depth == SIZED_AS else c.width
            found[name, kind, c.depth] = {**options, "depth": c.depth, "width": width}
    return found


def trained(
    lab: Lab, every: Mapping[str, Subject]
) -> tuple[dict[Key, float], dict[Key, list[Record]]]:
    """The best learning rate of each network, and its training runs."""
    models = {k: m for name, s in every.items() for k, m in networks(lab, name, s).items()}

    def training(key: Key, rate: float, seed: int) -> Training:
        subject = every[key[0]]
        settings = {"epochs": lab.epochs(subject.epochs), "lr": rate, "schedule": "cosine"}
        settings |= {"warmup_steps": 50}
        return Training(subject.task, subject.data, models[key], settings, seed)

    rates: dict[Key, float] = {}
    for name, subject in every.items():
        utility = open_task(subject.task, subject.data).metric.utility
        keys = [key for key in models if key[0] == name]
        rates |= learning_rates(
            lab, keys, lab.some(subject.rates, 1), training,
            lambda record, utility=utility: utility(record.validated),
        )  # fmt: skip
    chosen = {k: [training(k, rates[k], seed) for seed in lab.seeds] for k in models}
    return rates, lab.train(chosen)


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every depth on every data set."""
    every = subjects(lab)
    rates, found = trained(lab, every)
    by_name = {name: {k[1:]: r for k, r in found.items() if k[0] == name} for name in every}
    depths = sorted({depth for _, _, depth in found})
    rows, rated, outcomes, points = [], [], [], []
    for name, subject in every.items():
        task = open_task(subject.task, subject.data)
        said = suggest(facts_of(task, None, dict(subject.model))).depths
        decisions = {kind: decided(task.metric, by_name[name], kind) for kind in (WIDTH, SIZE)}
        outcomes.append(outcome(decisions[WIDTH], said))
        for kind, decision in decisions.items():
            first, equal = kind == WIDTH, kind.removeprefix("equal ")
            shown = (f"{rates[name, kind, depth]:g}" for depth in depths)
            rated.append((name if first else "", equal, *shown))
            scores = [show(task.metric, by_name[name][kind, depth]) for depth in depths]
            best = best_of(task.metric, [by_name[name][kind, depth] for depth in depths])
            scores[best] = f"**{scores[best]}**"
            rows.append(
                (
                    f"{name} ({task.metric.name})" if first else "",
                    equal,
                    *scores,
                    answer(decision),
                    listed_range(said) if first else "",
                )
            )
        points += curves(name, task.metric, by_name[name])
    agree = outcomes.count("holds")
    against = [n for n, o in zip(every, outcomes, strict=True) if o == "fails"]
    finding = Finding(
        verdict=overall(outcomes, "the task"),
        because=(
            f"At equal width, the depth that is enough agrees with the rules for {agree} of"
            f" {len(outcomes)} data sets and contradicts them for {len(against)}"
            + (f" ({'; '.join(against)})" if against else "")
            + f"; for {outcomes.count('open')} these seeds do not settle it."
        ),
        rule=(
            "It holds for a data set if, at equal width, the depth that is enough, or every depth"
            " still open, is among those that the rules suggest, and fails if none is."
        ),
        setting=(
            f"{len(every)} data sets, the large ones cut so that one layer trains in seconds."
            " Width, dropout and number of epochs are the same for all depths of a data set, as"
            " in the script; each network uses the better of two learning rates on the validation"
            " set with seed 0, with 50 steps of warm-up and a cosine schedule. *Equal parameters*"
            f" are those of {SIZED_AS} layers of the given width, to within 1%. Scores are means"
            " on the test set at the best validation epoch; the best of a row is bold. *Enough*"
            " is the shallowest depth that no deeper one beats by 1 point (1% of a perplexity or"
            " a squared error) or more, by lamina's decision on the validation scores;"
            " *undecided* names the depths still open."
        ),
        tables=(
            Table(
                ("data (test score)", "equal", *(f"L={d}" for d in depths), "enough", "rules"),
                tuple(rows),
            ),
            Table(
                ("data", "equal", *(f"L={d}" for d in depths)),
                tuple(rated),
                "Chosen learning rates:",
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Small data sets and short training runs (about 400 to 2,000 steps): deep plain"
            " stacks start slowly and may be worth more with more data, more steps, or residual"
            " connections, which only translation has here. A row in which they fall far behind"
            " shows how hard they are to train this way, not what they could do, and counts all"
            " the same. After a first run, in which two or more layers hardly learned to"
            " recognise spoken digits, these got smaller batches and lower rates, and the two"
            " language models twice the steps; the other rows were not tuned again. Where every"
            " depth chose the higher of two rates, a still higher one may suit it better. The"
            " rules say 3 where they mean 3 to 5, since each data set is cut to fewer than 10,000"
            " sequences."
        ),
    )
    chart = charts.lines(
        points, x="layers", y="test score", series="networks of", columns=3, height=110
    )
    return finding, chart


Curve = Mapping[tuple[str, int], Sequence[Record]]


def decided(metric: Metric, records: Curve, kind: str) -> Decision:
    """By the validation scores of all seeds; a gain of :data:`MARGIN` is worth a deeper network."""
    scores = {
        depth: [metric.utility(r.validated) for r in group]
        for (k, depth), group in records.items()
        if k == kind
    }
    return decide(scores, metric.utility_gain(MARGIN))


def outcome(decision: Decision, said: Sequence[int]) -> Outcome:
    """Whether the depth, or all between which it is open, is among those that are ``said``; open
    where no depth could be trained."""
    asked = (decision.depth,) if decision.depth is not None else decision.between
    inside = [depth in said for depth in asked]
    if not any(inside):
        return "fails" if inside else "open"
    return "holds" if all(inside) else "open"


def answer(decision: Decision) -> str:
    """In the table's words."""
    if decision.depth is not None:
        return str(decision.depth)
    return "undecided: " + ", ".join(map(str, decision.between)) if decision.between else "none"


def best_of(metric: Metric, groups: Sequence[Sequence[Record]]) -> int:
    """The index of the best mean test score."""
    means = [_mean(metric, group) for group in groups]
    return max(range(len(means)), key=lambda k: -math.inf if math.isnan(means[k]) else means[k])


def _mean(metric: Metric, group: Sequence[Record]) -> float:
    return sum(metric.utility(r.tested) for r in group) / len(group)


def show(metric: Metric, group: Sequence[Record]) -> str:
    """The mean test score of the seeds."""
    value = metric.value(_mean(metric, group))
    return "diverged" if math.isnan(value) else metric.show(value).removesuffix("%")


def curves(name: str, metric: Metric, records: Curve) -> list[dict[str, Any]]:
    """Points of the chart: test scores, shares in percent."""
    scale = 100 if metric.gain == "points" else 1
    unit = "%" if metric.gain == "points" else ""
    better = "" if metric.higher_is_better else ", lower is better"
    points = []
    for (kind, depth), group in records.items():
        tested = [scale * r.tested for r in group if math.isfinite(r.tested)]
        if len(tested) > 1:
            x = mean(tested)
            points.append(
                {
                    "panel": f"{name}\n{metric.name}{unit and ', ' + unit}{better}",
                    "series": kind, "x": depth, "y": x.mean, "low": x.low, "high": x.high,
                }
            )  # fmt: skip
    return points


if __name__ == "__main__":
    main(CLAIM, measure)
