"""Sides that do the same work: checked against each other, then timed in turn.

The machine may be noisy. So the sides alternate (A B C, C B A, ...), each sample repeats its work
until it is long enough for the clock, and ratios are taken between neighbouring samples: whatever
slows the machine for a while slows both.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor

from lamina.kernels import BACKENDS

#: How far apart two float32 computations may be, as a share of the largest value: they sum in
#: another order, over up to 400 steps.
TOLERANCE = 5e-5
#: Before a sample the threads of other pools, which spin before they sleep, are given time to.
PAUSE_S = 0.1

Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class Side:
    """One competitor of a row.

    name:   ``"torch"`` is shown in a column of its own.
    run:    does the work once; this is what is timed.
    values: does it from the common start and gives everything that must be equal on all sides,
            by name; ``None`` for a yardstick that computes something else.
    gflop:  work of one repetition, where the sides of a row do not do the same.
    before: called before each sample, not timed.
    kernel: what runs the side, where it does not come through ``lamina.kernels.scan``.
    """

    name: str
    run: Callable[[], object]
    values: Callable[[], Values] | None
    gflop: float | None = None
    tolerance: float = TOLERANCE
    before: Callable[[], None] = lambda: None
    kernel: str = ""


@dataclass(frozen=True)
class Goal:
    """One line of the table: ``mine`` is to be ``target`` times as fast as the best of
    ``rivals``; a ``target`` of ``None`` is for information."""

    label: str
    rivals: tuple[str, ...]
    target: float | None
    mine: str = "lamina"


@dataclass(frozen=True)
class Row:
    """Sides to be built when it is the row's turn, and what is to be read from their times.

    Whoever builds them leaves out what is not installed and raises :class:`SkipError` where nothing
    is left. The first side is the standard of the numbers.
    """

    group: str
    build: Callable[[], Sequence[Side]]
    goals: tuple[Goal, ...]
    unit: Literal["ms", "us", "GFLOP/s"] = "ms"


@dataclass
class Outcome:
    """What a row gave. Samples are seconds a repetition, by side and in the order of the turns."""

    row: Row
    samples: dict[str, list[float]] = field(default_factory=dict)
    gflop: dict[str, float] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)


class SkipError(Exception):
    """A row cannot run here: its message says why."""


class DifferenceError(Exception):
    """The sides of a row do not compute the same numbers."""


def contest(row: Row, repeats: int, sample_s: float) -> Outcome:
    """Check the sides of a row, then time them: ``repeats`` samples of each, of ``sample_s`` or a
    little more.

    Raises:
        DifferenceError: the numbers are not the same.
        SkipError: the row cannot run here.
    """
    threads = torch.get_num_threads()
    try:
        return check_and_time(row, row.build(), repeats, sample_s)
    finally:
        torch.set_num_threads(threads)  # a side may have asked for others


def check_and_time(row: Row, sides: Sequence[Side], repeats: int, sample_s: float) -> Outcome:
    outcome = Outcome(row, gflop={side.name: side.gflop for side in sides if side.gflop})
    values = {}
    for side in sides:
        side.before()
        with watching() as ran:
            values[side.name] = side.values() if side.values else None
        outcome.kernels[side.name] = side.kernel or "+".join(sorted(ran))
    for side in sides[1:]:
        if (got := values[side.name]) is not None:
            need = values[sides[0].name]
            assert need is not None
            outcome.differences[side.name] = compare(side, got, sides[0].name, need)
    outcome.samples = alternate(sides, repeats, sample_s)
    return outcome


def compare(side: Side, got: Values, standard: str, need: Values) -> float:
    """The largest difference, as a share of the largest value of the tensor it is in.

    Raises:
        DifferenceError: it is above the side's tolerance, or the sides name other things.
    """
    if got.keys() != need.keys():
        raise DifferenceError(f"{side.name} gives {sorted(got)}, {standard} gives {sorted(need)}")
    worst = 0.0
    for name, expected in need.items():
        value = got[name]
        if value.shape != expected.shape:
            shapes = f"{tuple(value.shape)}, {standard} {tuple(expected.shape)}"
            raise DifferenceError(f"{name} of {side.name} is {shapes}")
        error = (value.double() - expected.double()).abs().max()
        share = float(error / expected.double().abs().max())
        if not share <= side.tolerance:  # also where it is not a number
            raise DifferenceError(
                f"{name} of {side.name} is off {standard}'s by {share:.1e} of the largest value; "
                f"{side.tolerance:.0e} is allowed"
            )
        worst = max(worst, share)
    return worst


@contextmanager
def watching() -> Iterator[set[str]]:
    """Collects the names of the backends that ``scan`` reaches, rather than asks what it would."""
    ran: set[str] = set()

    class Watched:
        def __init__(self, name: str, module: ModuleType):
            self.name, self.module = name, module

        def __getattr__(self, attribute: str) -> Any:
            if attribute == "scan":
                ran.add(self.name)
            return getattr(self.module, attribute)

    modules = dict(BACKENDS)
    try:
        BACKENDS.update({name: Watched(name, module) for name, module in modules.items()})  # type: ignore
        yield ran
    finally:
        BACKENDS.update(modules)


def alternate(sides: Sequence[Side], repeats: int, sample_s: float) -> dict[str, list[float]]:
    """Seconds a repetition of each side, ``repeats`` samples each."""
    counts = {side.name: repetitions(side, sample_s) for side in sides}
    samples: dict[str, list[float]] = {side.name: [] for side in sides}
    gc.collect()
    gc.disable()
    try:
        for turn in range(repeats):
            for side in sides if turn % 2 == 0 else reversed(sides):
                side.before()
                time.sleep(PAUSE_S)
                side.run()  # its own data is in the cache again, and its threads are awake
                samples[side.name].append(clock(side.run, counts[side.name]))
    finally:
        gc.enable()
    return samples


def repetitions(side: Side, sample_s: float) -> int:
    """How often the work is done for one sample."""
    side.before()
    once = min(clock(side.run, 1) for _ in range(3))
    return max(1, math.ceil(sample_s / once))


def clock(run: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


@dataclass(frozen=True)
class Reading:
    """A goal and what the samples say about it; ``None`` where no rival is installed."""

    goal: Goal
    rival: str | None
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float | None:
        """The median."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool | None:
        """``None``: there is no target, or nothing to judge it by."""
        if self.goal.target is None or self.ratio is None:
            return None
        return self.ratio >= self.goal.target


def read(outcome: Outcome, goal: Goal) -> Reading:
    """Against the rival with the best median, turn by turn."""
    there = [name for name in goal.rivals if name in outcome.samples]
    if goal.mine not in outcome.samples or not there:
        return Reading(goal, None, ())

    def seconds(name: str) -> list[float]:  # for the same work
        return [sample / outcome.gflop.get(name, 1.0) for sample in outcome.samples[name]]

    rival = min(there, key=lambda name: statistics.median(seconds(name)))
    pairs = zip(seconds(rival), seconds(goal.mine), strict=True)
    return Reading(goal, rival, tuple(theirs / mine for theirs, mine in pairs))
