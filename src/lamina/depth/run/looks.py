"""How often a search was looked at: each look is another chance to err.

A search is asked in some *way*: a strategy, depths, seeds, a budget, settings to try. What came of
each is kept in the ledger, in the order in which they ended, with the trainings that were judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from lamina.depth.job import Job
from lamina.depth.run.ledger import Ledger

#: What stands before a way where the ledger keeps it.
_PREFIX = "asked "


class Way(Struct, frozen=True):
    """How a search was asked. vary: the settings that may be tried, as JSON."""

    strategy: str
    depths: tuple[int, ...]
    seeds: int
    budget: float | None
    trials: int
    vary: str


class _Kept(Struct, frozen=True):
    """looks: of the verdict's own session; 0 where it judged what an earlier way had judged.
    judged: a digest of the trainings."""

    looks: int
    judged: str


def looks_before(ledger: Ledger, way: Way) -> tuple[int, ...]:
    """With how many seeds the search was looked at before it was asked in this ``way`` for the
    first time, each time."""
    found: list[int] = []
    for other, kept in _kept(ledger):
        if other == way:
            break
        found += [other.seeds] * kept.looks
    return tuple(found)


def count_looks(
    ledger: Ledger, way: Way, judged: Iterable[Job], looks: int
) -> tuple[tuple[int, ...], int]:
    """The looks before this one, and its own: ``looks``. Where the very trainings that are
    ``judged`` were judged by an earlier way, it is that one's look, not one more."""
    digest = hashlib.sha256("\n".join(sorted(job.key for job in judged)).encode()).hexdigest()
    earlier = next(((w, k) for w, k in _kept(ledger) if k.judged == digest and k.looks), None)
    own = _Kept(0 if earlier else looks, digest)
    ledger.agree(_PREFIX + msgspec.json.encode(way).decode(), lambda: msgspec.to_builtins(own))
    if earlier is None:
        return looks_before(ledger, way), looks
    return looks_before(ledger, earlier[0]), earlier[1].looks


def _kept(ledger: Ledger) -> Iterator[tuple[Way, _Kept]]:
    for name, value in ledger.agreed().items():  # in the order in which it was said
        if name.startswith(_PREFIX):
            way = msgspec.json.decode(name.removeprefix(_PREFIX), type=Way)
            yield way, msgspec.convert(value, _Kept)
