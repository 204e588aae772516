"""A model as a run folder keeps it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
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


def several(examples: Any, need: str = "a list of texts", column: str | None = None) -> list[Any]:
    """Examples as a list: from a list, an array, a column of a data frame, or an iterator.

    Args:
        examples: what a caller gave.
        need: what it should be, for messages.
        column: the column to take of a data frame.

    Raises:
        LaminaError: one text, each character of which would pass for an example; a file; or what
            has no order or no clear meaning.
    """
    if isinstance(examples, str | os.PathLike):
        text = os.fspath(examples)
        if isinstance(examples, os.PathLike) or os.path.isfile(text):
            raise LaminaError(f"got a file; need {need}, such as model.read({text!r})", place=text)
        raise LaminaError(f"got one text, {shorten(text, 40)!r}; need {need}")
    if is_frame(examples):
        if column is None or column not in examples.columns:
            named = "" if column is None else f", such as its column {column!r}"
            raise LaminaError(f"got a {type(examples).__name__}; need {need}{named}")
        examples = examples[column]
    unordered = isinstance(examples, bytes | Mapping | set | frozenset)
    if unordered or not isinstance(examples, Iterable) or getattr(examples, "ndim", 1) == 0:
        raise LaminaError(f"got {shorten(repr(examples), 40)}; need {need}")
    return list(examples)


def texts(examples: Any, column: str | None = None) -> list[str]:
    """Examples that are texts, as :func:`several` takes them.

    Raises:
        LaminaError: also for one that is no text, with its position.
    """
    found = several(examples, column=column)
    for number, text in enumerate(found, start=1):
        if not isinstance(text, str):
            got = shorten(repr(text), 40)
            raise LaminaError(f"got {got}; need a text", place=f"example {number}")
    return found


def is_frame(value: Any) -> bool:
    """Whether it is a table of pandas or polars."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy")
