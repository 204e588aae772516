"""Values against their annotations: what a wrong one would have to be, in words."""

from __future__ import annotations

import difflib
import functools
import math
import operator
import os
from collections.abc import Collection, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin

from lamina.options.hints import alternatives, apart, bounds_of, choices, extra
from lamina.spec import LaminaError


def refuse(name: str, value: Any, hint: Any, place: str | None = None) -> None:
    """Refuse a ``value`` of the field ``name`` that is not of the type ``hint`` or out of its
    bounds.
    """
    if (need := _needed(name, value, hint)) is not None:
        such = f", such as {example}" if (example := extra(hint, "example")) else ""
        need += f"{such}{_meant(value, hint)}"
        raise LaminaError(f"{name} is {_shown(value)}; need {need}", place=place)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to write the largest
        return f"about {'-' * (value < 0)}2**{value.bit_length() - 1}"
    return str(plain(value))


@functools.cache
def _kinds(hint: Any) -> tuple[tuple[Any, Any, dict[str, float]], ...]:
    """Of each alternative: it, its origin or type, and its bounds."""
    found = []
    for kind in alternatives(hint):
        bare, metas = apart(kind)
        found.append((kind, get_origin(bare) or bare, bounds_of(metas)))
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


def plain(value: Any) -> Any:
    """``value`` as a file gives it back: Python's numbers, tuples and texts for numpy's numbers and
    arrays, columns of a data frame, lists and paths."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy, pandas, torch
        return plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        parts = [*map(plain, value)]
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
            parts = get_args(apart(kind)[0])
            if origin is tuple and ... not in parts and len(value) != len(parts):
                return f"a list of {len(parts)}"
            need = _needed_within(name, value, parts if origin is tuple else (*parts, ...))
        elif origin is Mapping:
            pass
        elif bounds and not (_finite(value) and _holds(value, bounds)):
            need = _range(name, bounds, whole=origin is int)
            if need.startswith("at ") and not _finite(value):
                need = f"a finite number of {need}"
        elif origin in (int, float) and _is_huge(value):
            need = "a number that fits into 64 bits"
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
    if not isinstance(value, str):
        return ""
    named = [name for kind in alternatives(hint) for name in choices(kind)]
    near = difflib.get_close_matches(value.lower(), named, n=1)
    return f". Did you mean {near[0]!r}?" if near else ""


def _one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else repr(names[0])


def _needed_within(name: str, values: Collection[Any], parts: tuple[Any, ...]) -> str | None:
    if parts[1:] == (...,):
        parts = parts[:1] * len(values)
    needs = (_needed(name, value, part) for value, part in zip(values, parts, strict=False))
    need = next((need for need in needs if need is not None), None)
    return need if need is None or need.startswith("one of") else f"{need} in each entry"


def _is_huge(value: float) -> bool:
    """Whether torch's integers, and perhaps floats, do not go so far."""
    return isinstance(value, int) and abs(value) >= 2**63


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


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
