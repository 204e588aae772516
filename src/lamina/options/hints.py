"""What an option's annotation says: its type, bounds, choices and help."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta


@functools.cache
def hints_of(kind: type) -> Mapping[str, Any]:
    """The type of each field, with its :class:`msgspec.Meta`.

    A subclass that only changes a default repeats the bare type; its metadata is inherited.
    """
    hints = get_type_hints(kind, include_extras=True)
    for base in kind.__bases__:
        for name, whole in (hints_of(base) if issubclass(base, msgspec.Struct) else {}).items():
            own = hints[name]
            if not description(own) and unbounded(own) == unbounded(whole):
                hints[name] = _with(whole, _metas(own))
    return hints


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that a field accepts, each with its own metadata; ``None`` among them as its type.

    >>> alternatives(int | None)
    (<class 'int'>, <class 'NoneType'>)
    """
    bare, metas = apart(hint)
    own = tuple(m for m in metas if bounds_of((m,)) or "choices" in (m.extra or {}))
    if get_origin(bare) in (Union, types.UnionType):
        parts = (kind for part in get_args(bare) for kind in alternatives(part))
        return tuple(_with(kind, own) if kind is str else kind for kind in parts)
    return (_with(bare, own),)


def unbounded(hint: Any) -> Any:
    """The type alone, without the metadata of it and of its parts."""
    bare, _ = apart(hint)
    if get_origin(bare) in (Union, types.UnionType):
        return Union[tuple(map(unbounded, get_args(bare)))]  # noqa: UP007
    if get_origin(bare) is tuple:
        return tuple[tuple(part if part is ... else unbounded(part) for part in get_args(bare))]
    return bare


def description(hint: Any) -> str:
    """The description of a field; empty where it has none."""
    return next((m.description for m in _metas(hint) if m.description), "")


_Extra = Literal["choices", "metavar", "off", "otherwise", "example", "parse", "several", "default"]


def extra(hint: Any, key: _Extra) -> Any:
    """An entry of a field's ``Meta.extra``; ``None`` where it has none."""
    return next((m.extra[key] for m in _metas(hint) if m.extra and key in m.extra), None)


def choices(hint: Any) -> tuple[str, ...]:
    """The names that a string may be: of a ``Literal``, or of ``extra["choices"]``."""
    bare, _ = apart(hint)
    if get_origin(bare) is Literal:
        return get_args(bare)
    named = extra(hint, "choices")
    return tuple(named()) if isinstance(named, Callable) else tuple(named or ())


def apart(hint: Any) -> tuple[Any, tuple[Meta, ...]]:
    """The type itself, and its metadata."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    bare, *metas = get_args(hint)
    return bare, tuple(m for m in metas if isinstance(m, Meta))


def _with(hint: Any, metas: tuple[Meta, ...]) -> Any:
    return Annotated[(hint, *metas)] if metas else hint  # pyright: ignore[reportReturnType]


def _metas(hint: Any) -> tuple[Meta, ...]:
    return apart(hint)[1]


def bounds_of(metas: Iterable[Meta]) -> dict[str, float]:
    """``ge``, ``gt``, ``le`` and ``lt``, as far as they are given."""
    found = ((name, getattr(m, name)) for m in metas for name in ("ge", "gt", "le", "lt"))
    return {name: bound for name, bound in found if bound is not None}
