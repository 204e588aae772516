"""Claim 7: whether small data want at most three layers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.data import TextTable, corpus_table, read_text_table
from measured.data.tables import write_texts
from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import Interval, Outcome, mean, overall, paired
from measured.training import Record, Training

CLAIM = Claim(
    number=7,
    name="small_data",
    title="At most three layers for small data",
    says="With fewer than 10,000 examples, take at most 3 layers.",
    sources=(
        "A rule of thumb, with no known source for the figure.",
        "Without a number of examples: answers on AI Stack Exchange (question 3156), according to"
        " which 2 or 3 layers are enough for most problems.",
    ),
)
SMALL, MOST = 10_000, 3
DEPTHS = (1, 2, 3, 4, 5)
RATES = (2e-3, 6e-3)
#: Points of accuracy that a deeper network must gain to be worth its cost.
MARGIN = 1.0
VALIDATION, TEST = 2000, 4000
#: At 60 tokens a text, anything before its last 100 words is cut off anyway.
TOKENS, WORDS = 60, 100
MODEL = {"cell": "gru", "width": 32, "embedding": 32, "dropout": 0.3}
DATA = {"text": "text", "label": "label", "max_tokens": TOKENS, "max_vocabulary": 5000}


@dataclass(frozen=True)
class Size:
    """examples: to train on. times: so many draws for each seed, more where draws differ more.
    tried: of these, those that choose the learning rate."""

    examples: int
    times: int
    tried: int
    batch: int
    epochs: int
    every: int

    def draws(self, lab: Lab) -> range:
        """Their numbers."""
        return range(len(lab.seeds) * (1 if lab.quick else self.times))


SIZES = (
    Size(100, 3, 5, 32, 60, 5),
    Size(1000, 2, 5, 32, 15, 1),
    Size(10_000, 1, 2, 64, 4, 1),
    Size(25_000, 1, 2, 64, 3, 1),
)
#: By size and depth: a record a draw.
Found = dict[tuple[Size, int], list[Record]]


@dataclass(frozen=True)
class Contest:
    """Of one size: the best depth up to three and the best above, chosen on the validation set,
    and what the latter gains on the test set, in points of accuracy."""

    size: Size
    shallow: int
    deep: int
    gain: Interval

    @property
    def outcome(self) -> Outcome:
        """Of the claim: holds where a gain worth having is ruled out."""
        if self.gain.high < MARGIN:
            return "holds"
        return "fails" if self.gain.low > 0 and self.gain.mean >= MARGIN else "open"


def measure(lab: Lab) -> tuple[Finding, str]:
    """Train every depth on every draw of every size."""
    files = Files(lab)
    sizes = lab.some(SIZES)
    depths = (1, 2, 4) if lab.quick else DEPTHS
    first = lab.train(
        {
            (size, depth, rate): [
                _training(lab, files, size, depth, rate, draw)
                for draw in size.draws(lab)[: size.tried]
            ]
            for size in sizes
            for depth in depths
            for rate in lab.some(RATES, 1)
        }
    )
    rates: dict[tuple[Size, int], float] = {}
    for (size, depth, rate), records in first.items():
        best = rates.setdefault((size, depth), rate)
        if _validated(records) > _validated(first[size, depth, best]):
            rates[size, depth] = rate
    found = lab.train(
        {
            (size, depth): [
                _training(lab, files, size, depth, rate, draw) for draw in size.draws(lab)
            ]
            for (size, depth), rate in rates.items()
        }
    )

    contests = [_contest(found, size, depths) for size in sizes]
    small = [contest for contest in contests if contest.size.examples < SMALL]
    rows, points = [], []
    for (size, depth), records in found.items():
        tested = mean(_percent(records))
        point = {"y": tested.mean, "low": tested.low, "high": tested.high}
        points.append({"panel": f"{size.examples:,} examples", "x": depth, **point})
    for contest in contests:
        cells = (mean(_percent(found[contest.size, d])).show(".1f") for d in depths)
        rows.append((f"{contest.size.examples:,}", str(len(contest.size.draws(lab))), *cells))
    finding = Finding(
        verdict=overall([contest.outcome for contest in small], "the number of examples"),
        because=_because(contests),
        rule=(
            f"It holds at a size below {SMALL:,} if the interval of the gain of more than {MOST}"
            f" layers lies below {MARGIN:g} point of test accuracy, and fails if they gain"
            f" {MARGIN:g} point or more and the interval excludes 0."
        ),
        setting=_setting(rates),
        tables=(
            Table(
                ("examples", "draws", *(f"{d} layer{'s' * (d > 1)}" for d in depths)),
                tuple(rows),
                "Test accuracy in percent:",
            ),
            Table(
                ("examples", f"best up to {MOST}", f"best above {MOST}", "points gained"),
                tuple(
                    (f"{c.size.examples:,}", str(c.shallow), str(c.deep), c.gain.show())
                    for c in contests
                ),
                "Depths chosen on the validation set:",
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            f"One task; texts are cut to their last {TOKENS} words and punctuation marks, and"
            f" layers are narrow ({MODEL['width']} units), to keep training runs short; longer"
            " texts and wider layers may need other depths. The validation set is larger than the"
            " smallest training sets, which spares them noise that users would have. Intervals"
            " are over draws of the training set; there is one test set, and large draws overlap."
        ),
    )
    chart = charts.lines(points, x="layers", y="test accuracy, %")
    return finding, chart


class Files:
    """Reviews as files: each draw of the training set; a validation and a test set, the same for
    all, from the official test split, without texts that the training split has too."""

    def __init__(self, lab: Lab):
        self.lab = lab
        if lab.quick:
            table = read_text_table(lab.source("classify", "imdb"), text="text", label="label")
            train, rest = _cut(table)[:60], _cut(table)[60:]
        else:
            train, test = (_cut(corpus_table("imdb", role)) for role in ("train", "test"))
            known = {text for text, _ in train}
            rest = [row for row in dict.fromkeys(test) if row[0] not in known]
            random.Random(0).shuffle(rest)
        validation = VALIDATION if not lab.quick else len(rest) // 2
        self.train = train
        self.fixed = {
            "validation": self._write("validation", rest[:validation]),
            "test": self._write("test", rest[validation : validation + TEST]),
        }
        self.made: dict[tuple[int, int], str] = {}

    def data(self, size: Size, draw: int) -> dict[str, str]:
        """Fields of the task. All examples are one draw."""
        examples = min(size.examples, len(self.train))
        if examples == len(self.train):
            draw = 0
        if (examples, draw) not in self.made:
            rows = _balanced(self.train, examples, random.Random(draw))
            self.made[examples, draw] = self._write(f"{examples}-{draw}", rows)
        return {"source": self.made[examples, draw], **self.fixed}

    def _write(self, name: str, rows: Sequence[tuple[str, str]]) -> str:
        path = self.lab.scratch(f"{name}.csv")
        return write_texts(path, [text for text, _ in rows], [label for _, label in rows])


def _cut(table: TextTable) -> list[tuple[str, str]]:
    texts = (" ".join(text.split()[-WORDS:]) for text in table.texts)
    return list(zip(texts, table.labels or [], strict=True))


def _balanced(
    rows: Sequence[tuple[str, str]], count: int, draw: random.Random
) -> list[tuple[str, str]]:
    """So many of them, as many of each label as of the others."""
    if count == len(rows):
        return list(rows)
    labels = sorted({label for _, label in rows})
    each = count // len(labels)
    return [
        row for label in labels for row in draw.sample([r for r in rows if r[1] == label], each)
    ]


def _training(lab: Lab, files: Files, size: Size, depth: int, rate: float, draw: int) -> Training:
    data = {**DATA, **files.data(size, draw), "batch_size": size.batch}
    settings = {
        "epochs": lab.epochs(size.epochs),
        "evaluate_every": size.every,
        "lr": rate,
        "schedule": "cosine",
    }
    return Training("classify", data, {**MODEL, "depth": depth}, settings, draw)


def _contest(found: Found, size: Size, depths: Sequence[int]) -> Contest:
    shallow, deep = (
        max(some, key=lambda depth: _validated(found[size, depth]))
        for some in ([d for d in depths if d <= MOST], [d for d in depths if d > MOST])
    )
    gain = paired(_percent(found[size, deep]), _percent(found[size, shallow]))
    return Contest(size, shallow, deep, gain)


def _validated(records: Sequence[Record]) -> float:
    """The mean; a run that diverged scores 0."""
    return sum(record.value or 0.0 for record in records) / len(records)


def _percent(records: Sequence[Record]) -> list[float]:
    """Test accuracy; a run that diverged scores 0."""
    return [100 * record.test.get("accuracy", 0.0) for record in records]


def _because(contests: Sequence[Contest]) -> str:
    told = "; ".join(
        f"{c.gain.show()} points with {c.size.examples:,} examples ({c.deep} layers against"
        f" {c.shallow})"
        for c in contests
    )
    large = [c for c in contests if c.size.examples >= SMALL]
    ruled = sum(c.outcome == "holds" for c in large)
    more = (
        f" Of the {len(large)} sizes of {SMALL:,} or more, about which the claim says nothing, a"
        f" gain of {MARGIN:g} point is ruled out for {ruled}."
    )
    return (
        f"Gain in test accuracy of the best network with more than {MOST} layers over the best"
        f" with up to {MOST}: {told}.{more if large else ''}"
    )


def _setting(rates: dict[tuple[Size, int], float]) -> str:
    sizes = dict.fromkeys(size for size, _ in rates)
    plan = "; ".join(
        f"{size.examples:,}: {size.epochs} epochs, batches of {size.batch}, learning rate (by"
        f" {size.tried} draws) "
        + "/".join(f"{rate:g}" for (s, _), rate in rates.items() if s == size)
        for size in sizes
    )
    return (
        f"Film reviews (IMDB), positive or negative, from their last {TOKENS} words and"
        " punctuation marks; the 5,000 most frequent words of the training set, if seen twice or"
        f" more. GRU of {MODEL['width']} units per layer, embedding {MODEL['embedding']}, dropout"
        f" {MODEL['dropout']}, Adam with a cosine schedule. Each draw takes other examples of the"
        " training split, half of them positive, the same for all depths; there is only one draw"
        f" of all 25,000, so its seeds differ only in weights and order. {VALIDATION:,} reviews"
        f" for validation and {TEST:,} for testing, always the same, come from the official test"
        f" split. Learning rate for each size and depth: the better of {RATES[0]:g} and"
        f" {RATES[1]:g} on the validation set; {plan} (for 1, 2, ... layers). Test accuracy at the"
        " best validation epoch; intervals are of pairs with equal draws."
    )


if __name__ == "__main__":
    main(CLAIM, measure)
