"""A model as a run folder keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, TypeVar

import msgspec

from lamina.options import struct_from
from lamina.spec import LaminaError

S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True)
class SavedModel:
    """What :meth:`lamina.spec.Model.config` and :meth:`lamina.spec.Model.assets` gave, perhaps
    changed since.

    place: the file of ``config``, for messages.
    """

    config: Mapping[str, Any]
    assets: Mapping[str, str]
    place: str

    def part(self, name: str, kind: type[S]) -> S:
        """The object of that name in ``config`` as a struct.

        Raises:
            LaminaError: it is missing or malformed.
        """
        values = self.config.get(name)
        if not isinstance(values, Mapping):
            raise LaminaError(f"has no object {name!r}", place=self.place)
        return struct_from(kind, values, what=f"{name} field", place=self.place)

    def asset(self, name: str) -> str:
        """The text of a file.

        Raises:
            LaminaError: it is missing.
        """
        if name not in self.assets:
            raise LaminaError(f"has no {name}", place=self.place)
        return self.assets[name]


def no_network(place: str | None = None) -> LaminaError:
    """The error where a network is needed and torch is missing."""
    return LaminaError(
        "the network runs on torch, which is not installed. Install it: pip install torch",
        place=place,
    )


def check_several(examples: Sequence[Any]) -> None:
    """Refuse a single text, each character of which would pass for an example.

    Raises:
        LaminaError: it is one.
    """
    if isinstance(examples, str):
        raise LaminaError(f"got one text, {shorten(examples, 40)!r}; need a list of texts")
