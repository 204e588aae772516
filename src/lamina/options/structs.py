"""The base of every option struct, and structs from plain values."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec

from lamina.options.hints import hints_of
from lamina.options.values import plain, refuse
from lamina.spec import LaminaError

S = TypeVar("S", bound=msgspec.Struct)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every option struct: a value out of bounds is refused wherever it comes from.

    A subclass repeats ``frozen=True, kw_only=True``, and calls ``super().__post_init__()`` where it
    has checks of its own.

    Raises:
        LaminaError: a number out of bounds or a name that is no choice, in one line:
            ``batch_size is 0; need at least 1``.
    """

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if (kept := plain(value)) is not value:
                msgspec.structs.force_setattr(self, name, kept)
            refuse(name, kept, hints[name])

    def check_effect(self) -> None:
        """Refuse what was changed and does nothing beside the other options; for subclasses to
        extend by :meth:`without_effect`. :meth:`lamina.tasks.DataTask.model` calls it, where all
        options are known; a depth search may vary the one that another needs.

        Raises:
            LaminaError: An option has no effect.
        """

    def without_effect(self, names: Iterable[str], why: str) -> None:
        """Refuse fields that were changed and do nothing.

        Args:
            names: The fields that have no effect as the others are.
            why: What they would need, for the message.

        Raises:
            LaminaError: One of them is not at its default, and was not read by :func:`as_stored`.
        """
        if _STORED.get():
            return
        defaults = {field.name: field.default for field in msgspec.structs.fields(self)}
        for name in names:
            if (value := getattr(self, name)) != defaults[name]:
                raise LaminaError(f"{name} is {value!r}, which has no effect {why}; leave it out")


#: Whether options come from a file that lamina wrote, where nobody can leave one out.
_STORED: ContextVar[bool] = ContextVar("stored", default=False)


@contextlib.contextmanager
def as_stored() -> Iterator[None]:
    """Options made meanwhile may be without effect: earlier versions accepted and stored them."""
    token = _STORED.set(True)
    try:
        yield
    finally:
        _STORED.reset(token)


def struct_from(
    kind: type[S], values: Mapping[str, Any], *, what: str, place: str | None = None
) -> S:
    """A struct of ``kind`` from plain values, as a file or a caller gives them.

    Args:
        kind: the struct.
        values: a value for each field that is not left at its default.
        what: what one of its fields is called in a message (``"setting"``, ``"option"``).
        place: the file that the values come from.

    Raises:
        LaminaError: a name that is no field (with the nearest that is), or a value that does not
            fit its type or its bounds.
    """
    refuse_unknown(kind, values, what, place)
    known = hints_of(kind)
    kept = {name: plain(value) for name, value in values.items()}
    for name, value in kept.items():
        refuse(name, value, known[name], place)
    try:
        return msgspec.convert(kept, kind, strict=True)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, LaminaError):
            raise LaminaError(cause.message, place=place or cause.place) from None
        raise LaminaError(f"{what}s: {error}", place=place) from None


def refuse_unknown(
    kind: type[msgspec.Struct], names: Iterable[str], what: str, place: str | None = None
) -> None:
    """Refuse names that are no fields of ``kind``; see :func:`struct_from`."""
    known = hints_of(kind)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
            raise LaminaError(f"there is no {what} {name!r}; {hint}", place=place)


def changed(struct: S, changes: Mapping[str, Any], *, what: str) -> S:
    """The same struct with some fields changed; checked as :func:`struct_from` does."""
    return struct_from(type(struct), {**msgspec.structs.asdict(struct), **changes}, what=what)
