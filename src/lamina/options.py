"""Option structs: one declaration gives a field's type, bounds, choices and help.

A field is ``Annotated[type, msgspec.Meta(description=...)]``. The description is its help on the
command line. Bounds (``ge``, ``gt``, ``le``, ``lt``) belong to the number itself, as msgspec wants
it: ``Annotated[Count | None, Meta(description=...)]``, where ``Count`` is
``Annotated[int, Meta(ge=1)]``.
``extra`` may hold

- ``"choices"``: the names that a string may be, or a function that returns them (a named one: in
  the scope where annotations are evaluated, a lambda does not see its module);
- ``"otherwise"``: what else a string may be, for the error;
- ``"example"``: a value in Python, for the error;
- ``"metavar"``: how the help writes the value, where neither type nor choices say it;
- ``"off"``: the help of the flag that turns a default of ``True`` off;
- ``"parse"``: a function from the text of the option to its value, where the type alone does not
  say how it is written; from a list of texts with ``"several"``, an option that may be repeated;
- ``"default"``: how the help writes the default.

msgspec checks bounds when it converts, not in ``__init__``; :class:`Options` checks them always.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import math
import operator
import os
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from numbers import Integral, Real
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from lamina.spec import LaminaError

S = TypeVar("S", bound=msgspec.Struct)

#: Numbers that options are made of.
Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
#: What is counted as it happens; fits into 64 bits.
Tally = Annotated[int, Meta(ge=0, le=2**63 - 1)]
#: CPU threads; many more than a machine has cores could exhaust it.
Threads = Annotated[int, Meta(ge=1, le=1024)]
#: A share of a whole that is never all of it: of units dropped, say.
Share = Annotated[float, Meta(ge=0, lt=1)]
#: What seeds numpy's and torch's generators alike.
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


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
            if (plain := _plain(value)) is not value:
                msgspec.structs.force_setattr(self, name, plain)
            refuse(name, plain, hints[name])

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


def refuse(name: str, value: Any, hint: Any, place: str | None = None) -> None:
    """Refuse a ``value`` of the field ``name`` that is not of the type ``hint`` or out of its
    bounds.
    """
    if (need := _needed(name, value, hint)) is not None:
        shown = repr(value) if isinstance(value, str) else str(_plain(value))
        such = f", such as {example}" if (example := extra(hint, "example")) else ""
        raise LaminaError(f"{name} is {shown}; need {need}{such}{_meant(value, hint)}", place=place)


def alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that a field accepts, each with its own metadata; ``None`` among them as its type.

    >>> alternatives(int | None)
    (<class 'int'>, <class 'NoneType'>)
    """
    bare, metas = _apart(hint)
    own = tuple(m for m in metas if _bounds((m,)) or "choices" in (m.extra or {}))
    if get_origin(bare) in (Union, types.UnionType):
        parts = (kind for part in get_args(bare) for kind in alternatives(part))
        return tuple(_with(kind, own) if kind is str else kind for kind in parts)
    return (_with(bare, own),)


def unbounded(hint: Any) -> Any:
    """The type alone, without the metadata of it and of its parts."""
    bare, _ = _apart(hint)
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
    bare, _ = _apart(hint)
    if get_origin(bare) is Literal:
        return get_args(bare)
    named = extra(hint, "choices")
    return tuple(named()) if isinstance(named, Callable) else tuple(named or ())


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
    plain = {name: _plain(value) for name, value in values.items()}
    for name, value in plain.items():
        refuse(name, value, known[name], place)
    try:
        return msgspec.convert(plain, kind, strict=True)
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


def _apart(hint: Any) -> tuple[Any, tuple[Meta, ...]]:
    """The type itself, and its metadata."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    bare, *metas = get_args(hint)
    return bare, tuple(m for m in metas if isinstance(m, Meta))


def _with(hint: Any, metas: tuple[Meta, ...]) -> Any:
    return Annotated[(hint, *metas)] if metas else hint  # pyright: ignore[reportReturnType]


def _metas(hint: Any) -> tuple[Meta, ...]:
    return _apart(hint)[1]


def _bounds(metas: Iterable[Meta]) -> dict[str, float]:
    found = ((name, getattr(m, name)) for m in metas for name in ("ge", "gt", "le", "lt"))
    return {name: bound for name, bound in found if bound is not None}


@functools.cache
def _kinds(hint: Any) -> tuple[tuple[Any, Any, dict[str, float]], ...]:
    """Of each alternative: it, its origin or type, and its bounds."""
    found = []
    for kind in alternatives(hint):
        bare, metas = _apart(kind)
        found.append((kind, get_origin(bare) or bare, _bounds(metas)))
    return tuple(found)


#: What a value of each type is called.
_CALLED = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list",
    Collection: "a list",
    Mapping: "a dict",
    bool: "True or False",
    type(None): "None",
    Literal: "a name",
}


def _plain(value: Any) -> Any:
    """``value`` as a file gives it back: Python's numbers, tuples and texts for numpy's numbers and
    arrays, columns of a data frame, lists and paths."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy, pandas, torch
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        parts = [*map(_plain, value)]
        same = isinstance(value, tuple) and all(map(operator.is_, parts, value))
        return value if same else tuple(parts)
    if isinstance(value, Integral) and not isinstance(value, int):
        return int(value)
    if isinstance(value, Real) and not isinstance(value, int | float):
        return float(value)
    return value


def _is(value: Any, origin: Any) -> bool:
    """Whether ``value`` has the type ``origin``; numpy's numbers are numbers, paths are texts."""
    if isinstance(value, bool) or origin is bool:
        return isinstance(value, bool) and origin is bool
    if origin is int:
        return isinstance(value, Integral)
    if origin is float:
        return isinstance(value, Real)
    if origin is tuple:
        return isinstance(value, tuple | list)
    if origin is Collection:
        return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
    if origin is Mapping:
        return isinstance(value, Mapping)
    if origin is Literal or origin is str:
        return isinstance(value, str) or (origin is str and isinstance(value, os.PathLike))
    return value is None and origin is type(None)


def _needed(name: str, value: Any, hint: Any) -> str | None:
    """What ``value`` would have to be; ``None`` where it is that."""
    kinds = _kinds(hint)
    if any(origin not in _CALLED for _, origin, _ in kinds):
        return None
    needs: list[str] = []
    for kind, origin, bounds in kinds:
        if not _is(value, origin) or (origin is Literal and value not in choices(kind)):
            continue
        need: str | None = None
        if isinstance(value, str):
            named = choices(kind)
            if named and value not in named:
                other = extra(kind, "otherwise")
                need = _one_of(named) + (f", or {other}" if other else "")
        elif origin is tuple or origin is Collection:
            parts = get_args(_apart(kind)[0])
            if origin is tuple and ... not in parts and len(value) != len(parts):
                return f"a list of {len(parts)}"
            need = _needed_within(name, value, parts if origin is tuple else (*parts, ...))
        elif origin is Mapping:
            pass
        elif bounds and not (math.isfinite(value) and _holds(value, bounds)):
            need = _range(name, bounds, whole=origin is int)
            if need.startswith("at ") and not math.isfinite(value):
                need = f"a finite number of {need}"
        if need is None:
            return None
        needs.append(need)
    if not needs:  # of another type
        needs = [
            _one_of(choices(kind)) if origin is Literal else _CALLED[origin]
            for kind, origin, _ in kinds
            if origin is not type(None)
        ]
    if any(origin is type(None) for _, origin, _ in kinds):
        needs.append("None")
    return " or ".join(dict.fromkeys(needs))


def _meant(value: Any, hint: Any) -> str:
    """``. Did you mean 'lstm'?`` for a name that is nearly one of the choices; else nothing."""
    named = [name for kind in alternatives(hint) for name in choices(kind)]
    near = difflib.get_close_matches(str(value).lower(), named, n=1)
    return f". Did you mean {near[0]!r}?" if near and isinstance(value, str) else ""


def _one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else repr(names[0])


def _needed_within(name: str, values: Collection[Any], parts: tuple[Any, ...]) -> str | None:
    if parts[1:] == (...,):
        parts = parts[:1] * len(values)
    needs = (_needed(name, value, part) for value, part in zip(values, parts, strict=False))
    need = next((need for need in needs if need is not None), None)
    return need if need is None or need.startswith("one of") else f"{need} in each entry"


def _holds(value: float, bounds: Mapping[str, float]) -> bool:
    return (
        bounds.get("ge", value) <= value <= bounds.get("le", value)
        and bounds.get("gt", -math.inf) < value < bounds.get("lt", math.inf)
    )  # fmt: skip


def _range(name: str, bounds: Mapping[str, float], *, whole: bool) -> str:
    """``at least 1``; ``1 to 1,000``; ``a finite number above 0``; ``0 <= dropout < 1``."""
    low, high = bounds.get("ge"), bounds.get("le")
    if whole:  # the same numbers, with both ends among them
        low = bounds["gt"] + 1 if "gt" in bounds else low
        high = bounds["lt"] - 1 if "lt" in bounds else high
    if low is not None and high is not None:
        return f"{_figure(low)} to {_figure(high)}"
    above = f"{_figure(low)} <=" if low is not None else None
    above = f"{_figure(bounds['gt'])} <" if "gt" in bounds and not whole else above
    below = f"<= {_figure(high)}" if high is not None else None
    below = f"< {_figure(bounds['lt'])}" if "lt" in bounds and not whole else below
    if above and below:
        return f"{above} {name.lstrip('-')} {below}"
    if low is not None:
        return f"at least {_figure(low)}"
    if high is not None:
        return f"at most {_figure(high)}"
    side, bound = ("above", bounds["gt"]) if above else ("below", bounds["lt"])
    return f"a finite number {side} {_figure(bound)}"


def _figure(number: float | None) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
