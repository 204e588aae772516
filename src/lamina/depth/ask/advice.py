"""Rules of thumb on depth: one table, each row with its source.

They cost no training, and they are not evidence about the data at hand. Most are folklore; where a
paper says it, the paper is cited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from lamina.spec import Task

#: The authors of this table know of no study.
HEARSAY = "advice in circulation, on forums and in tutorials"
#: Training batches sampled.
SAMPLE = 64


@dataclass(frozen=True)
class Facts:
    """The data properties that the rules depend on.

    Attributes:
        sequences: number in the training part (for a stream: its windows).
        length: steps of a typical sequence.
        skips: whether the network has residual connections or attention.
    """

    task: str
    sequences: int
    length: int
    skips: bool = False


@dataclass(frozen=True)
class Rule:
    """A row: when it applies, what it implies for the depth, and its source.

    Attributes:
        tasks, sequences, length: when it applies: a task name, a minimum and a maximum; empty or
            None: always.
        skips: applies only with, or only without, residual connections or attention; None: either
            way.
        span: the depths it suggests, replacing those of earlier rows.
        most: an upper limit on the depths suggested by earlier rows.
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
        """Whether the rule applies to such data."""
        return (
            (not self.tasks or facts.task in self.tasks)
            and _within(facts.sequences, self.sequences)
            and _within(facts.length, self.length)
            and self.skips in (None, facts.skips)
        )


MILLION, FEW, EXTREME, MOST = 1_000_000, 10_000, 1_000, 8

#: Applied from top to bottom: later rows override earlier ones.
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
        "Over a million sequences support 4 to 6 layers.",
        HEARSAY,
        sequences=(MILLION + 1, None),
        span=(4, 6),
    ),
    Rule(
        "Under ten thousand sequences support at most 3 layers, with dropout of 0.2 to 0.5 or layer"
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
    """The suggested depths, in ascending order, and the rules that apply."""

    depths: tuple[int, ...]
    rules: tuple[Rule, ...] = field(default=())


def suggest(facts: Facts) -> Suggestion:
    """Apply :data:`RULES` to such data."""
    low, high = 1, MOST
    held = tuple(rule for rule in RULES if rule.holds(facts))
    for rule in held:
        low, high = rule.span or (low, high)
        high = high if rule.most is None else min(high, rule.most)
        low = min(low, high)
    return Suggestion(tuple(range(low, high + 1)), held)


def to_compare(facts: Facts) -> tuple[int, ...]:
    """The suggested depths and the next shallower one, without which none of them could turn out to
    be more than enough."""
    depths = suggest(facts).depths
    return tuple(range(max(1, depths[0] - 1), depths[-1] + 1))


def facts_of(task: Task, options: Any, changes: dict[str, Any]) -> Facts:
    """The facts about a task; numbers are estimated from a sample of its training batches."""
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
