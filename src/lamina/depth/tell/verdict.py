"""What a depth search concludes: one value with everything a table or a report needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from lamina.depth.ask.candidates import Candidate
from lamina.depth.ask.measure import Checked, Cost
from lamina.depth.judge.outcome import Decision
from lamina.depth.plan.front import Point
from lamina.depth.tell.told import Told, tell
from lamina.depth.trials import Trial, apart
from lamina.spec import LaminaError, Metric
from lamina.store.atomic import write_text

#: Version of ``verdict.json``.
FORMAT = 3


class Tested(Struct, frozen=True):
    """The model the search hands over: which trial it is, and its value on the test part (None
    where there is no test part)."""

    depth: int
    seed: int
    value: float | None


class Verdict(Struct, frozen=True, kw_only=True):
    """The outcome of a search.

    headline: the answer in one sentence. reasons: why, and what it is about, one sentence each.
    decision: the numbers behind it, in utilities (see :class:`lamina.spec.Metric`).
    trials: those that the decision is drawn from; tried: all others that were run.
    surer: what it would take to be surer, a sentence each.
    strategy: which trainings were made; saw: what it went by, a sentence each.
    seconds: of training; expected_seconds: as many as were expected before the first one.
    wall_seconds: of the session that ended the search, by the clock; expected_wall_seconds: what
        was said when it began.
    front: depths and settings that none beats in both score and time, where the strategy looked
        for that.
    baseline: the metric's value of the best answer that reads no input, None where unknown.
    looks: with how many seeds this search was looked at, each time; this verdict's look last.
    search: the configuration: task, model, training, depths, seeds, smallest gain.
    """

    format: int = FORMAT
    headline: str
    reasons: tuple[str, ...]
    metric: Metric
    min_gain: float
    decision: Decision
    candidates: tuple[Candidate, ...]
    costs: tuple[Cost, ...]
    trials: tuple[Trial, ...]
    strategy: str = "grid"
    saw: tuple[str, ...] = ()
    surer: tuple[str, ...] = ()
    tried: tuple[Trial, ...] = ()
    front: tuple[Point, ...] = ()
    seconds: float = 0.0
    expected_seconds: float = 0.0
    wall_seconds: float = 0.0
    expected_wall_seconds: float = 0.0
    checked: Checked
    baseline: float | None = None
    tested: Tested | None
    looks: tuple[int, ...]
    search: dict[str, Any]
    versions: dict[str, Any]

    @property
    def depth(self) -> int | None:
        """The depth to use; None where it is undecided."""
        return self.decision.depth

    def told(self) -> Told:
        """The decision in the user's units."""
        return tell(self.decision, self.metric, apart(self.trials), self.baseline)

    def cost(self, depth: int) -> Cost:
        """What ``depth`` costs."""
        return next(cost for cost in self.costs if cost.depth == depth)

    def candidate(self, depth: int) -> Candidate:
        """The network of ``depth`` that was tried."""
        return next(candidate for candidate in self.candidates if candidate.depth == depth)

    def __str__(self) -> str:
        return " ".join((self.headline, *self.reasons))


class _Head(Struct):
    """What a file of any format has."""

    format: int


def save(verdict: Verdict, path: str | Path) -> None:
    """Write ``verdict.json``, whole or not at all."""
    text = msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode()
    write_text(path, text + "\n")


def load(path: str | Path) -> Verdict:
    """Read ``verdict.json``. Raises LaminaError where it is missing, cut or of another version."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(path)) from None
    try:
        written = msgspec.json.decode(text, type=_Head).format
        if written != FORMAT:
            raise LaminaError(
                f"has format {written}; this lamina reads format {FORMAT}. The command of the"
                " search writes it anew, and trains nothing again.",
                place=str(path),
            )
        return msgspec.json.decode(text, type=Verdict)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LaminaError(f"is no verdict of a depth search: {error}", place=str(path)) from None
