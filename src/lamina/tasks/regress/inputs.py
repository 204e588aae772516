"""What a regressor reads: examples and the column of their targets."""

from __future__ import annotations

from typing import Any

import polars as pl

from lamina.data.read.columns import note_rounded
from lamina.tasks.many_to_one.inputs import Answer, Examples, SequenceInputs, TextInputs


class _Targeted:
    """Examples with a number each."""

    __slots__ = ()

    target: str

    @property
    def answer(self) -> Answer:
        """The column of the target."""
        return Answer(self.target, "target")

    def rows(self, table: Any) -> Examples:
        """The rows of a table that was read already."""
        found: Examples = super().rows(table)  # type: ignore[misc]
        targets = pl.Series(found.answers or [], dtype=pl.String)
        note_rounded(targets, "the target", found.places.__getitem__)
        return found


class TargetedTexts(_Targeted, TextInputs, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts with a number each.

    Attributes:
        target: the column of the number.
    """

    target: str


class TargetedSequences(
    _Targeted, SequenceInputs, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Numeric sequences with a number each.

    Attributes:
        target: the column of the number, the same in all rows of a sequence.
    """

    target: str
