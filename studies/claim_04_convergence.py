"""Claim 4: whether deeper networks reach a score in fewer steps, and in less time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import (
    Interval,
    Outcome,
    judge,
    majority,
    mean,
    overall,
    percent_less,
    telling,
)
from measured.timing import quartiles, rounds
from measured.training import Record, Training
from measured.tuning import learning_rates

CLAIM = Claim(
    number=4,
    name="convergence",
    title="Deeper converges faster",
    says="A deeper network converges in fewer training steps, and therefore in less time.",
    sources=(
        "Arora, Cohen and Hazan (2018), *On the Optimization of Deep Networks: Implicit"
        " Acceleration by Overparameterization*: depth can speed up optimisation, in steps (shown"
        " for linear networks).",
        "For recurrent networks, and in time: a rule of thumb, with no known source.",
    ),
)
DEPTHS = (1, 2, 3, 4)
TURNS = 15
#: Names of the levels of every task.
LEVELS = ("easy", "middle", "hard", "best of one layer")


@dataclass(frozen=True)
class Course:
    """A task and how it is trained. rates: to choose from. levels: of the validation metric."""

    task: str
    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    rates: tuple[float, ...]
    levels: tuple[float, ...]
    metric: str


COURSES = {
    "The Time Machine": Course(
        "language-model",
        {
            "source": "timemachine", "normalize": "letters", "batch_size": 16, "steps": 64,
            "max_tokens": 80_000,
        },
        {"cell": "lstm", "width": 64, "embedding": "onehot", "dropout": 0.1},
        20,
        (3e-3, 8e-3, 2e-2),
        (8.0, 7.0, 6.2),
        "perplexity",
    ),
    "digits": Course(
        "classify",
        {"source": "digits", "fractions": (0.6, 0.2, 0.2)},
        {"cell": "gru", "width": 32},
        20,
        (4e-3, 1.2e-2, 3.6e-2),
        (0.88, 0.92, 0.95),
        "accuracy",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Reached:
    """Training steps to a level, per seed. all: whether every seed reached it; a seed that did
    not counts with the steps of its whole run, which are too few."""

    steps: tuple[float, ...]
    count: int

    @property
    def all(self) -> bool:
        return self.count == len(self.steps)


def measure(lab: Lab) -> tuple[Finding, str]:
    """Choose a rate for each depth, train, and see when each level was reached."""
    depths = lab.some(DEPTHS)
    #: By what counts, task, level and depth.
    outcomes: dict[tuple[str, ...], Outcome] = {}
    rows, timed, points = [], [], []
    told: list[str] = []
    for name, course in COURSES.items():
        data = {**course.data, "source": source(lab, course)}

        def training(
            depth: int, lr: float, seed: int, course: Course = course, data: Any = data
        ) -> Training:
            settings = {"epochs": lab.epochs(course.epochs), "lr": lr}
            return Training(course.task, data, {**course.model, "depth": depth}, settings, seed)

        rates = learning_rates(lab, depths, lab.some(course.rates), training, progress, count=2)
        found = lab.train(
            {depth: [training(depth, rates[depth], s) for s in lab.seeds] for depth in depths}
        )
        shapes = [{"data": data, "model": {**course.model, "depth": d}} for d in depths]
        ms = dict(zip(depths, rounds(lab, course.task, {name: shapes}, TURNS)[name], strict=True))
        for depth in depths:
            best = mean([record.validated for record in found[depth]])
            longer = ms_ratio(ms[depth], ms[depths[0]])
            timed.append(
                (
                    name, f"{depth}", f"{found[depth][0].parameters:,}", f"{rates[depth]:g}",
                    quartiles(ms[depth]), longer.show(".2f"), show(best, course),
                )
            )  # fmt: skip
        hardest = shallowest_best(found[depths[0]], course)
        levels = dict(zip(LEVELS, (*course.levels, hardest), strict=True))
        for shown, level in levels.items():
            when = {depth: reached(found[depth], course, level) for depth in depths}
            cells = []
            for depth in depths:
                steps = when[depth].steps
                seconds = [count * median(ms[depth]) / 1000 for count in steps]
                at_first = when[depths[0]]
                more = "" if when[depth].all else "> "
                logs, spent = geometric(steps), geometric(seconds)
                cell = [f"{more}{logs.mean:,.0f}", f"{more}{spent.mean:.1f}"]
                if depth > depths[0]:
                    base = [count * median(ms[depths[0]]) / 1000 for count in at_first.steps]
                    fewer = percent_less(steps, at_first.steps)
                    less = percent_less(seconds, base)
                    key = (name, shown, f"{depth}")
                    outcomes[("steps", *key)] = decided(fewer, when[depth], at_first)
                    outcomes[("time", *key)] = decided(less, when[depth], at_first)
                    cell += [fewer.show("+.0f"), less.show("+.0f")]
                else:
                    cell += ["", ""]
                cells.append(cell)
                if when[depth].all:
                    points.append(point(f"{name}: steps", depth, shown, logs))
                    points.append(point(f"{name}: seconds", depth, shown, spent))
            rows += [
                (f"{name}, {shown}: {level:.4g}", f"{depth}", *cell)
                for depth, cell in zip(depths, cells, strict=True)
            ]
        told.append(f"{name}: {held(outcomes, 'steps', name)}, {held(outcomes, 'time', name)}")

    halves: dict[tuple[str, ...], Outcome] = {
        (what, name): majority([o for key, o in outcomes.items() if key[:2] == (what, name)])
        for what in ("steps", "time")
        for name in COURSES
    }
    finding = Finding(
        verdict=overall(
            halves.values(), telling(halves, ("whether steps or time count", "the task"))
        ),
        because=(
            "How often a deeper network is shown to reach a level sooner than one layer, over all"
            f" levels and depths: {'; '.join(told)}."
        ),
        rule=(
            "A deeper network wins a comparison, at one level, if it needs fewer steps (less"
            " time) than one layer and the interval excludes 0; it loses if it needs more and the"
            " interval excludes 0. For steps and for time, on each task, the claim holds if more"
            " than half of the comparisons are won, and fails if more than half are lost."
        ),
        setting=(
            "Characters of The Time Machine (80,000 for training, LSTM of 64, one-hot, dropout"
            " 0.1, 20 epochs, batches of 16 by 64) and handwritten digits read in 8 rows (60% for"
            " training, GRU of 32, 20 epochs). Adam at a constant rate: for each depth, the one"
            f" of {' and of '.join(rates_of(course) for course in COURSES.values())} with the"
            " lowest validation loss, averaged over the epochs of the first two seeds. The step"
            " at which a level of the validation metric is reached is interpolated linearly"
            " between epochs; within the first epoch, it is that epoch's end. Three levels were"
            " fixed in advance; the last is the worst of the best values that the seeds of one"
            " layer reach. Time is steps times the median step in CPU time, depths taking turns,"
            " with nothing else of the study running. A seed that never reaches the level counts"
            " with all its steps, marked > (and not drawn), and is no evidence for its own side."
        ),
        tables=(
            Table(
                (
                    "task", "layers", "parameters", "rate", "ms per step: median (quartiles)",
                    "times one layer's", "best validation value",
                ),
                tuple(timed),
                "What was trained:",
            ),
            Table(
                ("task, level", "layers", "steps", "seconds", "% fewer steps", "% less time"),
                tuple(rows),
                "Training until a level is reached (geometric means), compared with one layer:",
            ),
        ),
        seeds=len(lab.seeds),
        limits=(
            "Equal widths: a deeper network has more parameters. The claim is about validation"
            " curves, so the test set is not used. Levels on a small validation set are steps of"
            " a few examples. The last level is one layer's own, which may favour the others."
            " Intervals of time treat the time of a step as exact."
        ),
    )  # fmt: skip
    chart = charts.lines(
        points, x="layers", y="steps or seconds to the level", series="level", log=True,
        columns=2,
    )  # fmt: skip
    return finding, chart


def source(lab: Lab, course: Course) -> str:
    """The corpus; digits are small enough for the quick mode too."""
    name = course.data["source"]
    return name if name == "digits" else lab.source(course.task, name)


def rates_of(course: Course) -> str:
    """``0.001, 0.003``."""
    return ", ".join(f"{rate:g}" for rate in course.rates)


def progress(record: Record) -> float:
    """How fast and how far a run came: minus its mean validation loss over the epochs."""
    return math.nan if record.value is None else -fmean(record.curve("validation_loss"))


def reached(records: Sequence[Record], course: Course, level: float) -> Reached:
    """When each seed reached the level for the first time."""
    found = [first(record, course, level) for record in records]
    return Reached(
        tuple(
            record.steps if at is None else at for at, record in zip(found, records, strict=True)
        ),
        sum(at is not None for at in found),
    )


def first(record: Record, course: Course, level: float) -> float | None:
    """Steps to the level, on a straight line between two evaluations (the first of which is at a
    whole epoch: what is reached sooner counts as reached then); None: never."""
    up = course.metric == "accuracy"
    before = None
    for step, value in zip(record.curve("step"), record.curve(), strict=True):
        if value >= level if up else value <= level:
            if before is None:
                return step
            at, was = before
            return at + (step - at) * (level - was) / (value - was)
        before = (step, value)
    return None


def shallowest_best(records: Sequence[Record], course: Course) -> float:
    """The best validation value that every seed reached."""
    return (min if course.metric == "accuracy" else max)(record.validated for record in records)


def decided(less: Interval, deep: Reached, shallow: Reached) -> Outcome:
    """Whether deeper is shown to take less. Where seeds never got there, only the side whose own
    seeds all did can win."""
    outcome = judge(less, low=0.0)
    if outcome == "holds" and not deep.all:
        return "open"
    return "open" if outcome == "fails" and not shallow.all else outcome


def geometric(values: Sequence[float]) -> Interval:
    """The geometric mean."""
    return mean([math.log(value) for value in values]).map(math.exp)


def ms_ratio(times: Sequence[float], base: Sequence[float]) -> Interval:
    """Of step times, over rounds."""
    return mean([this / other for this, other in zip(times, base, strict=True)])


def held(outcomes: Mapping[tuple[str, ...], Outcome], what: str, name: str) -> str:
    """``3 of 12 in steps (later: 2)``."""
    found = [outcome for key, outcome in outcomes.items() if key[:2] == (what, name)]
    return f"{found.count('holds')} of {len(found)} in {what} (later: {found.count('fails')})"


def show(value: Interval, course: Course) -> str:
    """An interval of the metric."""
    if course.metric == "accuracy":
        return value.map(lambda x: 100 * x).show(".1f") + "%"
    return value.show(".3f")


def point(panel: str, depth: int, level: str, found: Interval) -> dict[str, Any]:
    """Of the chart."""
    y = {"y": found.mean, "low": found.low, "high": found.high}
    return {"panel": panel, "series": level, "x": depth, **y}


if __name__ == "__main__":
    main(CLAIM, measure)
