"""What a study of a claim says, and the files that keep it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

#: How a claim fared.
VERDICTS = ("holds here", "does not hold here", "depends on")


class Claim(Struct, frozen=True, kw_only=True):
    """A sentence of the literature.

    number: its place on the page. name: of its files. title: a few words. says: the claim, as it
    goes round. sources: who says so, one a line.
    """

    number: int
    name: str
    title: str
    says: str
    sources: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Of file names: ``01_two_layers``."""
        return f"{self.number:02d}_{self.name}"


class Table(Struct, frozen=True):
    """Rows of text under a head. title: a line above it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""

    def markdown(self) -> str:
        """As GitHub reads it, numbers to the right."""
        aligned = ["---" if k == 0 else "---:" for k in range(len(self.head))]
        lines = [self.head, tuple(aligned), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{self.title}\n\n{table}" if self.title else table


class Finding(Struct, frozen=True, kw_only=True):
    """What was measured.

    verdict: ``holds here``, ``does not hold here``, or ``depends on ...``. because: one or two
    sentences with the figures that decide. rule: how figures become the verdict, fixed before
    them. setting: data, shapes, training, and what was compared. tables: the figures. seeds: the
    least that any figure rests on. limits: what it does not say.
    """

    verdict: str
    because: str
    rule: str
    setting: str
    tables: tuple[Table, ...]
    seeds: int
    limits: str = ""

    def __post_init__(self) -> None:
        if not self.verdict.startswith(VERDICTS):
            raise ValueError(f"verdict is {self.verdict!r}; need one of {VERDICTS}")


class Kept(Struct, frozen=True, kw_only=True):
    """The file of a finding in ``docs/claims``.

    core_minutes: of all training runs and timings, summed. versions: of lamina and what it runs on.
    """

    claim: Claim
    finding: Finding
    core_minutes: float
    versions: dict[str, str]

    def encode(self) -> str:
        """JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"
