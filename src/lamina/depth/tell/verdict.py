"""The verdict of a depth search: one value with everything a table or a report needs."""

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
from lamina.store.regular import read_regular

#: Version of ``verdict.json``.
FORMAT = 3


class Tested(Struct, frozen=True):
    """The model that the search hands over: its trial, and its value on the test part (None if
    there is no test part)."""

    depth: int
    seed: int
    value: float | None


class Verdict(Struct, frozen=True, kw_only=True):
    """The outcome of a search.

    Attributes:
        headline: the answer in one sentence.
        reasons: why, and what was compared, one sentence each.
        decision: the numbers behind it, in utilities (see :class:`lamina.spec.Metric`).
        trials: those that the decision is based on.
        tried: all others that were run.
        surer: what it would take to be more certain, a sentence each.
        strategy: decided which training runs were made.
        saw: what its decisions were based on, a sentence each.
        seconds: total training time; expected_seconds: the estimate before the first run.
        wall_seconds: wall-clock time of the session that ended the search; expected_wall_seconds:
            the estimate announced at its start.
        front: depths and settings that no other beats in both score and time, if the strategy looks
            for them.
        baseline: the metric's value for the best answer that reads no input, None if unknown.
        looks: the number of seeds at each look at this search, this verdict's last.
        search: the question: task, model, training, and every field of
            :class:`lamina.depth.Question` that decides what is trained, with ``budget`` in seconds.
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
        """The depth to use; None if undecided."""
        return self.decision.depth

    def told(self) -> Told:
        """The decision in the user's units."""
        depths = (candidate.depth for candidate in self.candidates)
        return tell(self.decision, self.metric, apart(self.trials), self.baseline, depths)

    def cost(self, depth: int) -> Cost:
        """The cost of ``depth``."""
        return next(cost for cost in self.costs if cost.depth == depth)

    def candidate(self, depth: int) -> Candidate:
        """The network that was tried at ``depth``."""
        return next(candidate for candidate in self.candidates if candidate.depth == depth)

    def __str__(self) -> str:
        return " ".join((self.headline, *self.reasons))


class _Head(Struct):
    """The part of a file that every format has."""

    format: int


def save(verdict: Verdict, path: str | Path) -> None:
    """Write ``verdict.json``, atomically."""
    text = msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode()
    write_text(path, text + "\n")


def load(path: str | Path) -> Verdict:
    """Read ``verdict.json``.

    Raises:
        LaminaError: the file is missing, truncated or of another version.
    """
    try:
        text = read_regular(path)
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(path)) from None
    try:
        written = msgspec.json.decode(text, type=_Head).format
        if written != FORMAT:
            raise LaminaError(
                f"has format {written}; this lamina reads format {FORMAT}. Run the search's"
                " command again to rewrite it; finished runs are not trained again.",
                place=str(path),
            )
        return msgspec.json.decode(text, type=Verdict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LaminaError(
            f"is not the verdict of a depth search: {error}", place=str(path)
        ) from None
