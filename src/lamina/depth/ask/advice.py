"""Rules of thumb on depth: one table, each row with where it comes from.

They cost no training, and they are no evidence about the data at hand. Most are advice in
circulation; where a paper says it, the paper is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from lamina.spec import Task

#: No study of it is known to the authors of this table.
HEARSAY = "advice in circulation, on forums and in tutorials"
#: Training batches that are looked at.
SAMPLE = 64


@dataclass(frozen=True)
class Facts:
    """What the rules go by.

    sequences: in the training part (of a stream: its windows). length: steps of a typical one.
    skips: the network has residual connections or attention.
    """

    task: str
    sequences: int
    length: int
    skips: bool = False


@dataclass(frozen=True)
class Rule:
    """A row: where it holds, what it means for the depth, and who says so.

    tasks, sequences, length: where it holds: a name, a lowest and a highest number; empty or None:
        anywhere.
    skips: holds only with, or only without, residual connections or attention; None: either way.
    span:  the depths it suggests, instead of those of earlier rows.
    most:  the deepest that it lets earlier rows suggest.
    """

    says: str
    source: str
    tasks: tuple[str, ...] = ()
    sequences: tuple[int | None, int | None] = (None, None)
    length: tuple[int | None, int | None] = (None, None)
    skips: bool | None = None
    span: tuple[int, int] | None = None
    most: int | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether it is about such data."""
        return (
            (not self.tasks or facts.task in self.tasks)
            and _within(facts.sequences, self.sequences)
            and _within(facts.length, self.length)
            and self.skips in (None, facts.skips)
        )


MILLION, FEW, EXTREME, MOST = 1_000_000, 10_000, 1_000, 8

#: Read from above: later rows correct earlier ones.
RULES: tuple[Rule, ...] = (
    Rule("Simple tasks need 1 or 2 layers.", HEARSAY, span=(1, 2)),
    Rule(
        "Language models of words were trained with 2 layers and dropout between them.",
        "Zaremba, Sutskever and Vinyals 2014, arXiv 1409.2329",
        tasks=("language-model",),
        span=(1, 2),
    ),
    Rule(
        "Translation needs 3 to 5 layers: plainly stacked ones worked well up to 4, barely with 6.",
        f"the range: {HEARSAY}; the rest: Wu et al. 2016, arXiv 1609.08144, section 3.1",
        tasks=("translate",),
        span=(3, 5),
    ),
    Rule(
        "Speech needs 3 to 5 layers: the error fell as bidirectional layers were added up to 5.",
        f"the range: {HEARSAY}; the rest: Graves, Mohamed and Hinton 2013, ICASSP",
        tasks=("transcribe",),
        span=(3, 5),
    ),
    Rule(
        "Over a million sequences bear 4 to 6 layers.",
        HEARSAY,
        sequences=(MILLION + 1, None),
        span=(4, 6),
    ),
    Rule(
        "Under ten thousand sequences bear at most 3 layers, with dropout of 0.2 to 0.5 or layer"
        " normalisation.",
        HEARSAY,
        sequences=(None, FEW - 1),
        most=3,
    ),
    Rule(
        "More than 5 layers are for extreme lengths only, here taken as over a thousand steps.",
        HEARSAY,
        length=(None, EXTREME),
        most=5,
    ),
    Rule(
        "More than 5 layers need residual connections or attention.",
        f"{HEARSAY}; of residual connections also Wu et al. 2016, arXiv 1609.08144, section 3.1",
        skips=False,
        most=5,
    ),
    Rule("Add a layer only for more than 1 point of accuracy.", HEARSAY),
    Rule("Test no more than 8 layers.", HEARSAY, most=MOST),
)


@dataclass(frozen=True)
class Suggestion:
    """The depths that the rules leave, shallow to deep, and the rules that hold."""

    depths: tuple[int, ...]
    rules: tuple[Rule, ...] = field(default=())


def suggest(facts: Facts) -> Suggestion:
    """What :data:`RULES` say of such data."""
    low, high = 1, MOST
    held = tuple(rule for rule in RULES if rule.holds(facts))
    for rule in held:
        low, high = rule.span or (low, high)
        high = high if rule.most is None else min(high, rule.most)
        low = min(low, high)
    return Suggestion(tuple(range(low, high + 1)), held)


def to_compare(facts: Facts) -> tuple[int, ...]:
    """The suggested depths, and the next shallower one: without it none of them is found to be
    more than enough."""
    depths = suggest(facts).depths
    return tuple(range(max(1, depths[0] - 1), depths[-1] + 1))


def facts_of(task: Task, options: Any, changes: dict[str, Any]) -> Facts:
    """What the rules want to know of a task; numbers from a sample of its training batches."""
    every = task.batches("train")
    sample = [every[k] for k in range(0, len(every), max(1, len(every) // SAMPLE))]
    members = sum(batch.inputs.shape[1] for batch in sample)
    lengths = sorted(
        steps
        for batch in sample
        for steps in (
            [batch.inputs.shape[0]] * batch.inputs.shape[1]
            if batch.lengths is None
            else batch.lengths.tolist()
        )
    )
    kind = getattr(task, "Options", None) if options is None else type(options)
    shape = {} if kind is None else msgspec.structs.asdict(options or kind())
    shape.update(changes)
    skips = shape.get("residual") or "attention" in shape or shape.get("pooling") == "attention"
    return Facts(
        task.name,
        round(members * len(every) / len(sample)) if sample else 0,
        lengths[len(lengths) // 2] if lengths else 0,
        bool(skips),
    )


def _within(value: int, limits: tuple[int | None, int | None]) -> bool:
    low, high = limits
    return (low is None or value >= low) and (high is None or value <= high)
