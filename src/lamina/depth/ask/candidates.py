"""The networks that a search compares: one per depth, of equal width or of equal size."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import torch
from msgspec import Struct

from lamina.depth.trials import Trial
from lamina.spec import LaminaError, Task

Width: TypeAlias = int | tuple[int, ...]

#: How far the size of an "equal size" network may deviate from the budget, as a share of it.
TOLERANCE = 0.01
#: In a network of uneven widths, the largest difference between layers, in units.
MOST_SPREAD = 6
#: The largest width considered.
WIDEST = 1 << 20

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "b": 1_000_000_000}


class Candidate(Struct, frozen=True):
    """The network of one depth.

    Attributes:
        width: units of every layer, or of each layer, bottom first.
        parameters: of the whole model, including embedding and output.
    """

    depth: int
    width: Width
    parameters: int


def candidates_for(
    task: Task,
    depths: Iterable[int],
    width: int | None,
    parameters: int | None,
    options: Any = None,
    **changes: Any,
) -> tuple[Candidate, ...]:
    """One network per depth, with the given ``width`` or the given number of ``parameters``; if
    neither is given, with the width in ``options``.

    Raises:
        LaminaError: both are given, or the options have several widths.
    """
    fixed = sorted({"depth", "seed"} & changes.keys())
    if fixed:
        raise LaminaError(f"got {fixed[0]}=; a search sets it itself: use {fixed[0]}s=.")
    if parameters is not None:
        if width is not None:
            raise LaminaError(
                f"got width={width} and parameters={parameters}; give one of them:"
                " the other follows from it."
            )
        return equal_parameters(task, depths, parameters, options, **changes)
    if width is None:
        with torch.device("meta"):
            model = task.model(options, **{**changes, "depth": 1})
        width = model.config().get("options", {}).get("width")
    if not isinstance(width, int):
        raise LaminaError(f"got width {width}; a search needs one number, such as width=128.")
    return equal_width(task, depths, width, options, **changes)


def equal_width(
    task: Task, depths: Iterable[int], width: Width, options: Any = None, **changes: Any
) -> tuple[Candidate, ...]:
    """One candidate per depth, all of the same width; deeper ones have more parameters."""
    if isinstance(width, tuple):
        raise LaminaError(
            f"got width {width}; networks of different depths need one number, such as {width[0]}."
        )
    _positive("width", width)
    count = _counter(task, options, changes)
    return tuple(Candidate(d, width, count(d, width)) for d in _checked(depths))


def equal_parameters(
    task: Task, depths: Iterable[int], budget: int, options: Any = None, **changes: Any
) -> tuple[Candidate, ...]:
    """One candidate per depth, each with ``budget`` parameters to within one percent.

    This compares depth alone, not size. All layers are equally wide if a whole number of units
    comes close enough; otherwise the upper layers are a few units wider or narrower than the lower
    ones, by as little as possible.

    Raises:
        LaminaError: no widths come close enough; the message names a budget that all depths can
            meet.
    """
    _positive("budget of parameters", budget)
    count = _counter(task, options, changes)
    depths = _checked(depths)
    fits = tuple(_fit(count, depth, budget) for depth in depths)
    for fit in fits:
        if not _near(fit, budget):
            other = _budget_for_all(count, depths, budget)
            remedy = "Take a larger budget." if other is None else f"Take {other:,} as the budget."
            raise LaminaError(
                f"no {fit.depth}-layer network of this kind has {budget:,} parameters to within"
                f" {TOLERANCE:.0%}; the nearest has {fit.parameters:,} (width {_show(fit.width)})."
                f" {remedy}"
            )
    return fits


def as_judged(candidates: Iterable[Candidate], judged: Iterable[Trial]) -> tuple[Candidate, ...]:
    """The networks that are judged: where a search varies the width, or what else changes the size,
    those of the settings found best. A depth without a judged trial keeps its candidate."""
    found = {trial.depth: trial for trial in judged if trial.job.changes}
    return tuple(
        Candidate(c.depth, dict(trial.job.changes).get("width", c.width), trial.parameters)  # type: ignore[arg-type]
        if (trial := found.get(c.depth))
        else c
        for c in candidates
    )


def parse_count(text: str | int) -> int:
    """``"300k"`` is 300000, ``"1.5M"`` is 1500000, ``"2e6"`` is 2000000.

    Raises:
        LaminaError: ``text`` is not a count.
    """
    if isinstance(text, int):
        _positive("count", text)
        return text
    number = r"\s*((?:\d+(?:_\d+)*)?\.?\d+(?:e\d{1,2})?)\s*([kmgb]?)\s*"
    match = re.fullmatch(number, text, re.IGNORECASE | re.ASCII)
    count = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if count < 1:
        raise LaminaError(f"got {text!r} for a count; write it like 300k, 1.5M or 250000.")
    return count


def parse_depths(text: str) -> tuple[int, ...]:
    """``"1-5"`` is (1, 2, 3, 4, 5), ``"4,1,2"`` is (1, 2, 4).

    Raises:
        LaminaError: ``text`` is not a list of depths.
    """
    depths: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last:
            raise LaminaError(f"got {text!r} for depths; write them like 1-5 or 1,2,4.")
        depths.update(range(first, last + 1))
    return tuple(sorted(depths))


def _fit(count: Callable[[int, Width], int], depth: int, budget: int) -> Candidate:
    """The network of ``depth`` layers closest to the budget, with widths as even as possible."""

    def nearest(widths: Iterable[Width]) -> Candidate:
        tried = (Candidate(depth, width, count(depth, width)) for width in widths)
        return min(tried, key=lambda c: abs(c.parameters - budget))

    low, high = 0, 1  # count(low) <= budget < count(high); width 0 means "too narrow"
    while count(depth, high) <= budget:
        low, high = high, 2 * high
        if high > WIDEST:
            raise LaminaError(f"a budget of {budget:,} needs layers wider than {WIDEST:,} units.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(depth, middle) <= budget else (low, middle)

    best = nearest(width for width in (low, high) if width > 0)
    for spread in range(1, MOST_SPREAD + 1):
        if _near(best, budget):
            break
        uneven = list(_uneven(depth, range(max(1, low + 1 - spread), high + spread), spread))
        if uneven:
            best = min(best, nearest(uneven), key=lambda c: abs(c.parameters - budget))
    return best


def _budget_for_all(
    count: Callable[[int, Width], int], depths: tuple[int, ...], budget: int
) -> int | None:
    """A budget near ``budget`` that every depth can meet, searched among the sizes of the
    shallowest depth, whose steps are the coarsest."""
    width = _fit(count, depths[0], budget).width
    middle = width if isinstance(width, int) else max(width)
    sizes = (count(depths[0], w) for w in range(max(1, middle - 12), middle + 13))
    for size in sorted(sizes, key=lambda size: abs(size - budget)):
        if all(_near(_fit(count, depth, size), size) for depth in depths):
            return size
    return None


def _uneven(depth: int, widths: range, spread: int) -> Iterator[Width]:
    """Lower layers of one width and upper layers of another, ``spread`` units apart."""
    for lower in widths:
        for upper in (lower + spread, lower - spread):
            if upper in widths:
                yield from ((lower,) * (depth - top) + (upper,) * top for top in range(1, depth))


def _near(candidate: Candidate, budget: int) -> bool:
    return abs(candidate.parameters - budget) <= TOLERANCE * budget


def _counter(task: Task, options: Any, changes: dict[str, Any]) -> Callable[[int, Width], int]:
    known: dict[tuple[int, Width], int] = {}

    def count(depth: int, width: Width) -> int:
        if (depth, width) not in known:
            # On the meta device a model has shapes but no memory, so counting is free.
            with torch.device("meta"):
                model = task.model(options, **{**changes, "depth": depth, "width": width})
            known[depth, width] = sum(p.numel() for p in model.parameters())
        return known[depth, width]

    return count


def _checked(depths: Iterable[int]) -> tuple[int, ...]:
    unique = tuple(sorted(set(map(operator.index, depths))))  # numpy's numbers, too
    if not unique:
        raise LaminaError("got no depths; give at least one, such as 1-5.")
    _positive("depth", unique[0])
    return unique


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise LaminaError(f"got a {name} of {value}; it must be 1 or more.")


def _show(width: Width) -> str:
    return str(width) if isinstance(width, int) else "-".join(map(str, width))
