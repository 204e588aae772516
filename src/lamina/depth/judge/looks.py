"""How often a search was looked at: each look is another chance to err.

A search is asked in some *way*: a strategy, depths, seeds, a budget, settings to try. What each
came to is a *record*, agreed on by all that share the search and kept in the order in which they
ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

#: What the name of a record begins with.
_PREFIX = "asked "


class Way(Struct, frozen=True):
    """How a search was asked. vary: the settings that may be tried, as JSON."""

    strategy: str
    depths: tuple[int, ...]
    seeds: int
    budget: float | None
    trials: int
    vary: str

    @property
    def record(self) -> str:
        """The name of its record."""
        return _PREFIX + msgspec.json.encode(self).decode()


class _Kept(Struct, frozen=True):
    """looks: of the verdict's own session; 0 if it judged what an earlier way had judged.
    judged: a digest of the training runs."""

    looks: int
    judged: str


class Looks(NamedTuple):
    """before: with how many seeds the search was looked at earlier, each time. own: looks of this
    verdict. record: to be kept under :attr:`Way.record`."""

    before: tuple[int, ...]
    own: int
    record: dict[str, Any]


def looks_before(records: Mapping[str, Any], way: Way) -> tuple[int, ...]:
    """With how many seeds the search was looked at before it was asked in this ``way`` for the
    first time, each time."""
    found: list[int] = []
    for other, kept in _kept(records):
        if other == way:
            break
        found += [other.seeds] * kept.looks
    return tuple(found)


def count_looks(records: Mapping[str, Any], way: Way, judged: Iterable[str], looks: int) -> Looks:
    """The looks before this one, and its own: ``looks``. If an earlier way judged the very same
    training runs (``judged``, their keys), it is that one's look, not one more."""
    digest = hashlib.sha256("\n".join(sorted(judged)).encode()).hexdigest()
    earlier = next(((w, k) for w, k in _kept(records) if k.judged == digest and k.looks), None)
    record = msgspec.to_builtins(_Kept(0 if earlier else looks, digest))
    if earlier is None:
        return Looks(looks_before(records, way), looks, record)
    return Looks(looks_before(records, earlier[0]), earlier[1].looks, record)


def _kept(records: Mapping[str, Any]) -> Iterator[tuple[Way, _Kept]]:
    for name, value in records.items():
        if name.startswith(_PREFIX):
            way = msgspec.json.decode(name.removeprefix(_PREFIX), type=Way)
            yield way, msgspec.convert(value, _Kept)
