"""What a search varies besides the depth: model options and training settings, by name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union, get_origin

import msgspec
import numpy as np
import torch

from lamina.depth.ask.candidates import TOLERANCE
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job, Value, changed
from lamina.options import alternatives, hints_of, refuse, unbounded
from lamina.spec import LaminaError
from lamina.train import Settings

#: A finite set of choices.
Values = tuple[Value, ...]
#: A value for each name that varies.
Setting = dict[str, Value]


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, on a logarithmic scale if ``log``; integers if both ends
    are."""

    low: float
    high: float
    log: bool = False


#: Settings that all training runs of a search share, or that do not affect learning.
_COMMON = frozenset(
    {
        *("epochs", "evaluate_every", "seed"),
        *("checkpoint_seconds", "checkpoint_steps", "device", "threads"),
    }
)
#: Combinations checked before the search, without data.
_CHECKED = 128
_FORM = "write it like lr=0.001,0.003 or dropout=0:0.5 or lr=1e-4:1e-2:log"


def parse_vary(texts: Sequence[str]) -> dict[str, Values | Range]:
    """``["lr=0.001,0.003", "dropout=0:0.5", "clip=0.1:10:log"]`` in the form that
    :func:`lamina.depth.search` takes as ``vary``.

    Raises:
        LaminaError: a text is malformed, or a name occurs twice.
    """
    found: dict[str, Values | Range] = {}
    for text in texts:
        name, given, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not given or not name.isidentifier() or not values.strip():
            raise LaminaError(f"got {text!r} for what varies; {_FORM}.")
        if name in found:
            raise LaminaError(f"{name} varies twice; name it once, with all its values.")
        found[name] = _range(text, values) if ":" in values else _values(text, values)
    return found


def checked_space(
    vary: Mapping[str, Any], setup: Setup, equal_size: bool
) -> dict[str, Values | Range]:
    """``vary`` with its values checked: every name is a field of the task's options or of Settings,
    and its values, or the ends of its range, yield valid networks and settings.

    Args:
        vary: values or a range by name.
        setup: everything else.
        equal_size: whether every network must have as many parameters as its candidate, so that
            nothing that varies may change the size.

    Raises:
        LaminaError: a name or a value cannot vary.
    """
    kind = getattr(setup.task, "Options", None) if setup.options is None else type(setup.options)
    hints = {**({} if kind is None else hints_of(kind)), **hints_of(Settings)}
    space: dict[str, Values | Range] = {}
    for name, choice in vary.items():
        if name in ("depth", "seed"):
            raise LaminaError(f"got vary={{{name!r}: ...}}; a search sets it itself: {name}s=.")
        if name in _COMMON:
            raise LaminaError(
                f"{name!r} cannot vary: it is the same for all training runs of a search."
            )
        if name not in hints:
            raise LaminaError(f"got {name!r} to vary; need one of {', '.join(hints)}.")
        if name in setup.changes:
            raise LaminaError(f"got {name}={setup.changes[name]!r} and {name!r} to vary; take one.")
        space[name] = _choice(name, choice, hints[name])
    for setting in itertools.islice(_ends(space), _CHECKED):
        _try(setting, setup, equal_size)
    return space


def combinations(space: Mapping[str, Values | Range]) -> list[Setting]:
    """Every combination, the last name changing fastest.

    Raises:
        LaminaError: the space has a range.
    """
    for name, choice in space.items():
        if isinstance(choice, Range):
            raise LaminaError(
                f"{name!r} is a range, from {choice.low:g} to {choice.high:g}, and every"
                " combination is asked for: give values, such as"
                f" {choice.low:g},{choice.high:g}, or take strategy 'random'."
            )
    return list(_ends(space))


def draw(space: Mapping[str, Values | Range], count: int) -> list[Setting]:
    """``count`` settings, deterministic, and a prefix of any larger ``count``. Drawn independently;
    if the space has no ranges, all combinations in random order, repeated once all have been
    drawn."""
    generator = np.random.default_rng(0)
    if any(isinstance(choice, Range) for choice in space.values()):
        return [
            {name: _one(choice, generator) for name, choice in space.items()} for _ in range(count)
        ]
    every = combinations(space)
    order = [int(k) for k in generator.permutation(len(every))]
    return [every[order[k % len(every)]] for k in range(count)]


def rounded(choice: Range, value: float) -> Value:
    """A value of a range rounded to three digits; more would be neither meaningful nor readable."""
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return round(value)
    return min(max(float(f"{value:.3g}"), choice.low), choice.high)


def _one(choice: Values | Range, generator: np.random.Generator) -> Value:
    if not isinstance(choice, Range):
        return choice[int(generator.integers(len(choice)))]
    low, high = float(choice.low), float(choice.high)
    if choice.log:
        return rounded(choice, math.exp(generator.uniform(math.log(low), math.log(high))))
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        return int(generator.integers(choice.low, choice.high + 1))
    return rounded(choice, generator.uniform(low, high))


def _ends(space: Mapping[str, Values | Range]) -> Iterator[Setting]:
    ends = [(c.low, c.high) if isinstance(c, Range) else c for c in space.values()]
    return (dict(zip(space, values, strict=True)) for values in itertools.product(*ends))


def _choice(name: str, choice: Any, hint: Any) -> Values | Range:
    if isinstance(choice, Range):
        low, high = (_value(name, end, hint) for end in (choice.low, choice.high))
        if isinstance(low, (str, bool)) or isinstance(high, (str, bool)):
            raise LaminaError(f"{name!r} has no range: its values are no numbers; name them.")
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise LaminaError(
                f"{name!r} varies from {low:g} to {high:g}; need the lower one first."
            )
        if choice.log and low <= 0:
            raise LaminaError(f"{name!r} varies from {low:g} on a logarithmic scale; need above 0.")
        return Range(low, high, choice.log)
    if isinstance(choice, str) or not isinstance(choice, Sequence) or not choice:
        raise LaminaError(f"got {choice!r} for {name!r} to vary; need some values, or a Range.")
    values = tuple(_value(name, value, hint) for value in choice)
    if len(set(values)) < len(values):
        raise LaminaError(f"{name!r} names a value twice: {', '.join(map(str, values))}.")
    return values


def _value(name: str, value: Any, hint: Any) -> Value:
    if not isinstance(value, (str, int, float)):
        raise LaminaError(f"got {name}={value!r} to vary; need a number, a word, or True or False.")
    scalars = (k for k in alternatives(hint) if k is not type(None) and get_origin(k) is not tuple)
    refuse(name, value, Union[tuple(scalars)])  # noqa: UP007
    try:
        return msgspec.convert(value, unbounded(hint))
    except msgspec.ValidationError as error:
        raise LaminaError(f"got {name}={value!r} to vary: {error}") from None


def _try(setting: Setting, setup: Setup, equal_size: bool) -> None:
    """Build the settings and networks of ``setting``, without allocating weights."""
    for candidate in setup.candidates:
        job = Job(depth=candidate.depth, seed=0, changes=changed(setting))
        setup.settings_of(job)
        if all(name in Settings.__struct_fields__ for name in setting):
            break
        with torch.device("meta"):
            size = sum(p.numel() for p in setup.model(job).parameters())
        if equal_size and abs(size - candidate.parameters) > TOLERANCE * candidate.parameters:
            told = ", ".join(f"{name}={value}" for name, value in setting.items())
            raise LaminaError(
                f"with {told} a network of depth {candidate.depth} has {size:,} parameters and not"
                f" {candidate.parameters:,}; give width= in place of parameters=, or vary others."
            )


def _range(text: str, values: str) -> Range:
    low, high, *scale = (part.strip() for part in values.split(":"))
    ends = _scalar(low), _scalar(high)
    if scale not in ([], ["log"]) or any(isinstance(end, (str, bool)) for end in ends):
        raise LaminaError(f"got {text!r} for what varies; {_FORM}.")
    return Range(*ends, log=bool(scale))  # type: ignore[arg-type]


def _values(text: str, values: str) -> Values:
    parts = [part.strip() for part in values.split(",")]
    if not all(parts):
        raise LaminaError(f"got {text!r} for what varies; {_FORM}.")
    return tuple(_scalar(part) for part in parts)


def _scalar(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
