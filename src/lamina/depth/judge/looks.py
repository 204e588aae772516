"""The number of looks at a search: each look is another chance to err.

A search is run in a certain *way*: with a strategy, depths, seeds, a budget, settings to try. The
outcome of each way is a *record*, shared by all machines of the search and kept in the order of
completion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from lamina.spec import LaminaError

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


def looks_before(records: Mapping[str, Any], way: Way) -> tuple[int, ...]:
    """The number of seeds at each look that preceded the first use of this ``way``."""
    found: list[int] = []
    for other, kept in _kept(records):
        if other == way:
            break
        found += [other.seeds] * kept.looks
    return tuple(found)


def record_of(records: Mapping[str, Any], judged: Iterable[str], looks: int) -> dict[str, Any]:
    """The value to store under :attr:`Way.record`, once.

    Args:
        records: the agreed values of the search.
        judged: the keys of the training runs behind the verdict.
        looks: at them, in this session.
    """
    digest = _digest(judged)
    again = any(kept.judged == digest and kept.looks for _, kept in _kept(records))
    return msgspec.to_builtins(_Kept(0 if again else looks, digest))


def count_looks(
    records: Mapping[str, Any], way: Way, judged: Iterable[str], looks: int
) -> tuple[tuple[int, ...], int]:
    """The number of seeds at each earlier look, and the looks of this verdict.

    If an earlier way judged exactly the same training runs, the look is counted there, not again.

    Args:
        records: the agreed values of the search, read after the record of this way was written:
            two sessions that conclude at once then see each other in one order.
        way: of this session.
        judged: the keys of the training runs behind its verdict.
        looks: at them, in this session.
    """
    digest = _digest(judged)
    for earlier, kept in _kept(records):
        if kept.judged == digest and kept.looks:
            return looks_before(records, earlier), kept.looks
    return looks_before(records, way), looks


def _digest(judged: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(judged)).encode()).hexdigest()


def _kept(records: Mapping[str, Any]) -> Iterator[tuple[Way, _Kept]]:
    for name, value in records.items():
        if name.startswith(_PREFIX):
            try:
                way = msgspec.json.decode(name.removeprefix(_PREFIX), type=Way)
                kept = msgspec.convert(value, _Kept)
            except msgspec.MsgspecError as error:
                raise LaminaError(
                    f"the study of this search has a record that lamina did not write: {error}."
                    " Move the study away, or name another database."
                ) from None
            yield way, kept
