"""Claim 6: "add a layer only for more than one point": how often that finds the right depth."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from statistics import fmean
from typing import Any, TypeAlias

from lamina.data import corpus_table
from lamina.depth.judge.decision import decide
from lamina.store.atomic import write_text
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import Interval, Outcome, clustered, judge, overall, share, telling
from measured.training import Record, Training, open_task

CLAIM = Claim(
    number=6,
    name="one_point",
    title="A layer only for more than one point",
    says=(
        "Add layers one at a time; keep one only for more than one point of validation accuracy,"
        " and stop at the first that brings less. That finds the depth that is best on the test"
        " set."
    ),
    sources=(
        "Zilliz, Milvus, *AI Quick Reference: How do you choose the number of layers in a neural"
        " network?*: add layers while watching the validation accuracy, until it stops improving.",
        "The one point: a rule of thumb, with no known source for the figure.",
    ),
)
#: Points of accuracy that a layer must bring.
MARGIN = 1.0
DEPTHS = (1, 2, 3, 4, 5)
#: A rule is right "more often than not", and loses "little", on the right side of these.
HALF, LITTLE = 50.0, 1.0

#: Test and validation accuracy in percent: depth -> of each seed.
Scores: TypeAlias = Mapping[int, Sequence[float]]


@dataclass(frozen=True)
class Pool:
    """A data set, how often it is split anew, and how it is trained."""

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    lr: float
    splits: int


POOLS = {
    "digits": Pool(
        {"source": "digits", "fractions": (0.4, 0.2, 0.4)},
        {"cell": "rnn", "width": 32}, 25, 4e-3, 4,
    ),
    "Japanese vowels": Pool(
        {"source": "japanese_vowels", "fractions": (0.7, 0.3, 0.0)},
        {"cell": "gru", "width": 32}, 30, 4e-3, 4,
    ),
    "surnames": Pool(
        {
            "source": "names", "level": "char", "min_count": 1, "fractions": (0.12, 0.05, 0.83),
        },
        {"cell": "gru", "width": 48, "embedding": 32}, 12, 4e-3, 4,
    ),
    "questions": Pool(
        {"source": "trec", "text": "text", "label": "label", "fractions": (0.28, 0.1, 0.62)},
        {"cell": "lstm", "width": 48, "embedding": 48, "dropout": 0.2}, 12, 4e-3, 4,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """The scores of one split of one data set."""

    pool: str
    split: int
    validation: Scores
    test: Scores
    examples: int

    @property
    def tested(self) -> dict[int, float]:
        """Mean test score of each depth."""
        return {depth: fmean(values) for depth, values in self.test.items()}

    @property
    def best(self) -> int:
        """The depth that is best on the test set; of equals the shallowest."""
        tested = self.tested
        return max(tested, key=lambda depth: (tested[depth], -depth))

    @property
    def enough(self) -> int:
        """The shallowest depth within the margin of the best."""
        tested = self.tested
        return min(d for d, score in tested.items() if score >= tested[self.best] - MARGIN)

    def loss(self, depth: int) -> float:
        """Points that a choice costs."""
        return self.tested[self.best] - self.tested[depth]


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every depth on every split with every seed, and let the rules choose."""
    names = lab.some(list(POOLS))
    depths = lab.some(DEPTHS, 3)
    groups: dict[tuple[str, int, int], list[Training]] = {}
    for name in names:
        pool = POOLS[name]
        settings = {"epochs": lab.epochs(pool.epochs), "lr": pool.lr, "schedule": "cosine"}
        for split in range(1 if lab.quick else pool.splits):
            data = {**pool.data, "source": source(lab, name), "split_seed": split}
            for depth in depths:
                model = {**pool.model, "depth": depth}
                groups[name, split, depth] = [
                    Training("classify", data, model, settings, seed) for seed in lab.seeds
                ]
    found = lab.train(groups)
    settings_ = [
        setting(name, split, {d: found[name, split, d] for d in depths}, groups[name, split, 1][0])
        for name, split in dict.fromkeys((name, split) for name, split, _ in groups)
    ]

    choices: dict[str, list[list[int]]] = {
        "one seed, +1 point": [
            [walk({d: s.validation[d][seed] for d in depths}) for seed in lab.seeds]
            for s in settings_
        ],
        "mean of seeds, +1 point": [
            [walk({d: fmean(s.validation[d]) for d in depths})] for s in settings_
        ],
        "lamina's decision": [[lamina(s)] for s in settings_],
        "one seed, best on validation": [
            [best_of({d: s.validation[d][seed] for d in depths}) for seed in lab.seeds]
            for s in settings_
        ],
        **{f"always {d}": [[d]] * len(settings_) for d in depths[:3]},
    }
    rows, points = [], []
    aims: dict[str, dict[str, Interval]] = {}
    for rule, chosen in choices.items():
        aims[rule] = {
            "best": hits(chosen, [s.best for s in settings_]),
            "enough": hits(chosen, [s.enough for s in settings_]),
            "loss": clustered(
                [[s.loss(d) for d in each] for s, each in zip(settings_, chosen, strict=True)]
            ),
        }
        depth = fmean(d for each in chosen for d in each)
        best, enough, loss = aims[rule].values()
        rows.append((rule, best.show(".0f"), enough.show(".0f"), loss.show(".2f"), f"{depth:.1f}"))
        for panel, interval in (("the best on the test part", best), ("just enough", enough)):
            x = {"x": interval.mean, "low": interval.low, "high": interval.high}
            points.append({"panel": panel, "name": rule, **x})
    rule = aims["one seed, +1 point"]
    outcomes: dict[tuple[str, ...], Outcome] = {
        ("the best depth",): judge(shifted(rule["best"], HALF), low=0.0),
        ("a depth that is just enough",): judge(shifted(rule["enough"], HALF), low=0.0),
        ("a loss below one point",): below(rule["loss"]),
    }
    open_ = sum(decided(s) is None for s in settings_)
    finding = Finding(
        verdict=overall(outcomes.values(), telling(outcomes, ("what is required of the rule",))),
        because=(
            "With one seed the rule finds the depth that is best on the test set in"
            f" {rule['best'].show('.0f')}% of its choices and the shallowest depth within a point"
            f" of the best in {rule['enough'].show('.0f')}%, and costs {rule['loss'].show('.2f')}"
            f" points of test accuracy. Chance finds a given depth in {100 / len(depths):.0f}%."
            f" lamina's decision is undecided in {open_} of {len(settings_)} settings with these"
            " seeds; its shallowest open depth then counts."
        ),
        rule=(
            "Three things are required of the rule with one seed: that it finds the best depth,"
            f" and a depth that is just enough, in more than {HALF:g}% of the choices, and that it"
            f" loses less than {LITTLE:g} point. Each holds, or fails, if the whole interval lies"
            " on one side."
        ),
        setting=(
            f"{len(settings_)} settings: handwritten digits (40% for training, RNN of 32),"
            " Japanese vowels (70% of the training set, GRU of 32), the language of surnames"
            " (12%, GRU of 48), TREC questions (28%, LSTM of 48), each split in"
            f" {max(POOLS[name].splits for name in names)} ways (Japanese vowels keep their test"
            f" set); depths {depths[0]} to {depths[-1]}, {len(lab.seeds)} seeds each, Adam, rate"
            " 0.004 with a cosine schedule, the best epoch by validation. The best depth on the"
            " test set is the best by the mean over seeds. Each seed walks up on its own as long"
            f" as the next layer gains more than {MARGIN:g} point on validation. Intervals are"
            " exact for rules with one choice per setting; for rules with one choice per seed,"
            " and for losses, settings are resampled."
        ),
        tables=(
            Table(
                (
                    "rule", "% best on test", "% just enough", "points lost", "mean depth",
                ),
                tuple(rows),
                "What each rule chooses (with 95% intervals):",
            ),
            setting_table(settings_),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Splits of one data set share examples, so their settings are not quite independent:"
            " the intervals are for other splits of these data sets, and too narrow for other"
            " data. One learning rate for all depths. A surname that occurs several times stays"
            " in one split, which makes the splits less alike. Which depth is best on the test"
            " set is itself uncertain because of the seeds; if depths differ by less than that,"
            " no rule can find it, and the points lost say more."
        ),
    )  # fmt: skip
    chart = charts.dots(points, x="% of choices that are right", at=HALF, shared=True)
    return finding, chart


def source(lab: Lab, name: str) -> str:
    """The corpus; the training set of the questions as a file of its own, so that a large test
    set can be cut from it."""
    corpus = POOLS[name].data["source"]
    if corpus != "trec":
        return corpus
    path = lab.scratch("questions.csv")
    if not path.exists():
        table = corpus_table("trec", "train")
        text = StringIO()
        rows = zip(table.texts, table.labels or (), strict=True)
        csv.writer(text).writerows([("text", "label"), *rows])
        write_text(path, text.getvalue())
    return str(path)


def setting(
    name: str, split: int, records: Mapping[int, Sequence[Record]], training: Training
) -> Setting:
    """In percent; a run that diverged scores 0."""

    def percent(read: Callable[[Record], float]) -> dict[int, list[float]]:
        return {
            depth: [0.0 if one.value is None else 100 * read(one) for one in several]
            for depth, several in records.items()
        }

    validation = open_task(training.task, training.data).batches("validation")
    return Setting(
        name,
        split,
        percent(lambda one: one.validated),
        percent(lambda one: one.tested),
        sum(len(validation[k].targets) for k in range(len(validation))),
    )


def walk(scores: Mapping[int, float]) -> int:
    """The rule: up as long as the next depth gains more than the margin."""
    depth, *deeper = scores
    for following in deeper:
        if scores[following] - scores[depth] <= MARGIN:
            break
        depth = following
    return depth


def best_of(scores: Mapping[int, float]) -> int:
    """The depth with the best score; of equals the shallowest."""
    return max(scores, key=lambda depth: (scores[depth], -depth))


def decided(one: Setting) -> int | None:
    """lamina's decision on the validation scores, where it comes to one."""
    return decide(one.validation, MARGIN, resolution=100 / one.examples).depth


def lamina(one: Setting) -> int:
    """The same, or the shallowest depth that is still open."""
    shown = decide(one.validation, MARGIN, resolution=100 / one.examples).shown
    assert shown is not None  # a run that diverged has a score here
    return shown


def hits(chosen: Sequence[Sequence[int]], right: Sequence[int]) -> Interval:
    """Percent of the choices that are right; exact where a setting has one."""
    found = [[float(d == aim) for d in each] for each, aim in zip(chosen, right, strict=True)]
    if all(len(each) == 1 for each in found):
        return share(int(sum(each[0] for each in found)), len(found))
    return clustered([[100 * hit for hit in each] for each in found])


def shifted(found: Interval, zero: float) -> Interval:
    """How far above ``zero``."""
    return found.map(lambda x: x - zero)


def below(loss: Interval) -> Outcome:
    """Whether a loss is little."""
    if loss.low > LITTLE:
        return "fails"
    return "holds" if loss.high < LITTLE else "open"


def setting_table(settings: Sequence[Setting]) -> Table:
    """What there was to choose from."""
    rows = []
    for one in settings:
        tested = one.tested
        scores = (f"{tested[d]:.1f}" for d in tested)
        rows.append(
            (f"{one.pool}, split {one.split}", f"{one.examples}", *scores, f"{one.best}",
             f"{one.enough}")
        )  # fmt: skip
    depths = list(settings[0].test)
    head = (
        "setting", "validation examples", *(f"depth {d}" for d in depths), "best", "just enough",
    )  # fmt: skip
    return Table(head, tuple(rows), "Test accuracy in percent, mean over seeds:")


if __name__ == "__main__":
    main(CLAIM, measure)
