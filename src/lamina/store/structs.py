"""Options from plain values: names and types checked, one line for what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from lamina.spec import LaminaError

S = TypeVar("S", bound=msgspec.Struct)


def struct_from(
    kind: type[S], values: Mapping[str, Any], *, what: str, place: str | None = None
) -> S:
    """A struct of ``kind`` from plain values.

    ``what`` is what one of its fields is called (``"setting"``, ``"option"``).

    Raises:
        LaminaError: a name that is no field (with the nearest that is), or a value that does not
            fit its type or its limits.
    """
    known = kind.__struct_fields__
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
            raise LaminaError(f"there is no {what} {name!r}; {hint}", place=place)
    try:
        return msgspec.convert(dict(values), kind, strict=True)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        text = cause.message if isinstance(cause, LaminaError) else f"{what}s: {error}"
        raise LaminaError(text, place=place) from None


def changed(struct: S, changes: Mapping[str, Any], *, what: str) -> S:
    """The same struct with some fields changed; checked as :func:`struct_from` does."""
    return struct_from(type(struct), {**msgspec.structs.asdict(struct), **changes}, what=what)
