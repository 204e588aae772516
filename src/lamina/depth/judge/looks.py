"""The number of looks at a search: each look is another chance to err.

A search is run in a certain *way*: with a strategy, depths, seeds, a budget, settings to try. The
outcome of each way is a *record*, shared by all machines of the search and kept in the order of
completion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

#: Prefix of a record's name.
_PREFIX = "asked "


class Way(Struct, frozen=True):
    """How a search was asked.

    Attributes:
        vary: the settings that may be tried, as JSON.
    """

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
    """A record as stored.

    Attributes:
        looks: of the verdict's own session; 0 if it judged the same runs as an earlier way.
        judged: a digest of the training runs.
    """

    looks: int
    judged: str


class Looks(NamedTuple):
    """The looks at a search.

    Attributes:
        before: the number of seeds at each earlier look.
        own: looks of this verdict.
        record: the value to store under :attr:`Way.record`.
    """

    before: tuple[int, ...]
    own: int
    record: dict[str, Any]


def looks_before(records: Mapping[str, Any], way: Way) -> tuple[int, ...]:
    """The number of seeds at each look that preceded the first use of this ``way``."""
    found: list[int] = []
    for other, kept in _kept(records):
        if other == way:
            break
        found += [other.seeds] * kept.looks
    return tuple(found)


def count_looks(records: Mapping[str, Any], way: Way, judged: Iterable[str], looks: int) -> Looks:
    """The looks before this one, and its own: ``looks``. If an earlier way judged exactly the same
    training runs (``judged``, their keys), the look is counted there, not again."""
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
