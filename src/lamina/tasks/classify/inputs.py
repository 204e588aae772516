"""What a classifier reads: examples and the column of their labels."""

from __future__ import annotations

from lamina.spec import LaminaError
from lamina.tasks.many_to_one.inputs import Answer, SequenceInputs, TextInputs


def check_separator(separator: str | None) -> None:
    """Refuse a separator that could stand anywhere."""
    if separator is not None and not separator.strip():
        raise LaminaError(f"separator is {separator!r}; need a mark such as ; or |")


class _Labelled:
    """Examples with one label, or with several and a separator between them."""

    __slots__ = ()

    label: str
    separator: str | None

    def __post_init__(self) -> None:
        check_separator(self.separator)

    @property
    def answer(self) -> Answer:
        """The column of the label."""
        return Answer(self.label, "label", separator=self.separator)


class LabelledTexts(_Labelled, TextInputs, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts with labels.

    Attributes:
        label:     the column of the label.
        separator: what separates several labels; ``None``: an example has one.
    """

    label: str
    separator: str | None = None


class LabelledSequences(
    _Labelled, SequenceInputs, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """Numeric sequences with labels; the fields of :class:`LabelledTexts`."""

    label: str
    separator: str | None = None
