"""Splitting rows into training, validation and test parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from lamina.spec import LaminaError, Part
from lamina.spec.counted import counted

R = TypeVar("R")

PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts: int64, ascending, disjoint, covering all rows."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_rows(
    keys: Sequence[Hashable],
    labels: Sequence[str] | None,
    *,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int,
) -> Split:
    """Split rows at random, stratified by label, and never separate equal keys.

    Rows with equal keys (copies of a text) form a group that stays whole; a group belongs to the
    label of its first row. Within a label, a part's count differs from its share by less than one
    row if no group is larger than one row. A label with a single group goes to train.

    Args:
        keys: one per row.
        labels: one per row; None: not stratified.
        fractions: shares of train, validation and test; a share of 0 leaves that part empty.
        seed: the same arguments give the same split on every machine.

    Raises:
        LaminaError: the seed is negative, there is only one class, or a part with a share gets no
            row.
    """
    shares = as_shares(fractions)
    if seed < 0:
        raise LaminaError(f"split_seed is {seed}; need 0 or more")
    if labels is not None:
        _check_labels(labels, len(keys))
    firsts, members = _groups(keys)
    strata: dict[str, list[int]] = {}
    for group, first in enumerate(firsts):
        strata.setdefault("" if labels is None else labels[first], []).append(group)

    rng = np.random.default_rng(seed)
    part_of = np.zeros(len(firsts), dtype=np.int64)
    sizes = np.array([len(rows) for rows in members], dtype=np.int64)
    carry = np.zeros(3)
    for groups in strata.values():
        shuffled = rng.permutation(np.array(groups, dtype=np.int64))
        if len(groups) > 1:
            wanted = _counts(int(sizes[shuffled].sum()), shares, carry)
            part_of[shuffled] = _assign(sizes[shuffled], wanted)
        got = np.bincount(part_of[shuffled], weights=sizes[shuffled], minlength=3)
        carry += shares * sizes[shuffled].sum() - got

    parts = [
        np.sort(np.array([r for g in np.flatnonzero(part_of == p) for r in members[g]], np.int64))
        for p in range(3)
    ]
    for name, rows, share in zip(PARTS, parts, shares, strict=True):
        if share > 0 and not len(rows):
            classes = "" if labels is None else f", {counted(len(set(labels)), 'class')}"
            raise LaminaError(
                f"got {counted(len(keys), 'row')} "
                f"({len(firsts)} different{classes}); that leaves {name} "
                f"(share {share:g}) empty. Bring more rows, or give {name} a larger share, or 0."
            )
    return Split(*parts)


def fill_parts(
    there: Mapping[str, R],
    take: Callable[[np.ndarray], R],
    keys: Sequence[Hashable],
    labels: Sequence[str] | None = None,
    *,
    fractions: Sequence[float],
    seed: int,
) -> dict[str, R]:
    """All three parts: missing ones are drawn from rows like in :func:`split_rows`.

    Args:
        there: validation or test, or both, if they have a file of their own.
        take: makes a part from row numbers.
        keys: see :func:`split_rows`.
        labels: see :func:`split_rows`.
        fractions: see :func:`split_rows`.
        seed: see :func:`split_rows`.

    Raises:
        LaminaError: see :func:`split_rows`.
    """
    split = split_rows(keys, labels, fractions=shares_left(fractions, there), seed=seed)
    return {part: take(getattr(split, part)) for part in PARTS} | dict(there)


def shares_left(fractions: Sequence[float], there: Container[str]) -> tuple[float, float, float]:
    """Shares of 1, with none for the parts that already exist."""
    left = [0.0 if part in there else x for part, x in zip(PARTS, fractions, strict=True)]
    train, validation, test = (share / sum(left) for share in left)
    return train, validation, test


def split_stream(
    n: int, fractions: Sequence[float] = (0.8, 0.1, 0.1)
) -> tuple[slice, slice, slice]:
    """Cut ``n`` steps by position: train first, then validation, then test.

    A text is cut, not shuffled, so that no part has seen what comes after it.

    Raises:
        LaminaError: a part with a share gets fewer than two steps (one to read, one to predict).
    """
    shares = as_shares(fractions)
    ends = [0, *(round(n * share) for share in np.cumsum(shares)[:2]), n]
    slices = [slice(a, b) for a, b in pairwise(ends)]
    for name, part, share in zip(PARTS, slices, shares, strict=True):
        if share > 0 and part.stop - part.start < 2:
            raise LaminaError(
                f"got {counted(n, 'step')}; "
                f"{name} (share {share:g}) would have {part.stop - part.start}, "
                f"need at least 2. Bring a longer text, or give {name} share 0."
            )
    return slices[0], slices[1], slices[2]


def linked(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[int]:
    """Keys for :func:`split_rows` that keep together pairs that share a side, transitively: each
    pair gets the number of one pair in its group, the same for the whole group."""
    above = list(range(len(one)))  # a forest: each points to itself or to an earlier one

    def root(pair: int) -> int:
        while above[pair] != pair:
            above[pair] = above[above[pair]]
            pair = above[pair]
        return pair

    for side in (one, other):
        firsts: dict[Hashable, int] = {}
        for pair, text in enumerate(side):
            first, own = root(firsts.setdefault(text, pair)), root(pair)
            above[max(first, own)] = min(first, own)
    return [root(pair) for pair in range(len(one))]


def as_shares(fractions: Sequence[float]) -> np.ndarray:
    """Train, validation and test as shares of 1.

    Raises:
        LaminaError: ``fractions`` are not valid shares.
    """
    values = [float(fraction) for fraction in fractions]
    if (
        len(values) != 3
        or not all(math.isfinite(value) and value >= 0 for value in values)
        or abs(sum(values) - 1) > 1e-6
        or values[0] == 0
    ):
        raise LaminaError(
            f"got fractions {tuple(values)}; need train, validation and test, none negative, "
            "train above 0, together 1. For instance (0.8, 0.1, 0.1)."
        )
    return np.array(values) / sum(values)


def _check_labels(labels: Sequence[str], rows: int) -> None:
    if len(labels) != rows:
        raise LaminaError(
            f"got {counted(rows, 'row')} and {counted(len(labels), 'label')}; need one each."
        )
    classes = set(labels)
    if len(classes) == 1:
        raise LaminaError(
            f'got one class "{next(iter(classes))}" in '
            f"{counted(len(labels), 'row')}; need at least two."
            " Is this the column of the labels?"
        )


def _groups(keys: Sequence[Hashable]) -> tuple[list[int], list[list[int]]]:
    """The first row of each group, and all its rows; groups in order of their first row."""
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    members = list(groups.values())
    return [rows[0] for rows in members], members


def _counts(n: int, shares: np.ndarray, carry: np.ndarray) -> np.ndarray:
    """Distribute ``n`` rows over three parts: each share rounded up or down, the sum preserved.

    The rounding losses of previous labels (``carry``) decide which part is rounded up, so that many
    small labels together still fill every part.
    """
    exact = n * shares
    counts = np.floor(exact + 1e-9).astype(np.int64)
    short = exact - counts
    claim = np.where(short > 1e-9, short + carry, -np.inf)
    if counts[0] == 0:
        claim[0] = np.inf  # a label that is absent from train cannot be learnt
    counts[np.argsort(-claim, kind="stable")[: n - int(counts.sum())]] += 1
    return counts


def _assign(sizes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Assign each group to a part so that the parts' row counts come close to ``wanted``."""
    parts = np.empty(len(sizes), dtype=np.int64)
    missing = wanted.copy()
    large = np.flatnonzero(sizes > 1)
    for group in large[np.argsort(-sizes[large], kind="stable")]:
        parts[group] = part = int(np.argmax(missing))
        missing[part] -= sizes[group]
    single = np.flatnonzero(sizes == 1)
    fill = np.maximum(missing, 0)
    while fill.sum() > len(single):  # a large group overflowed its part
        fill[np.argmax(fill)] -= 1
    parts[single] = np.repeat(np.arange(3), fill)
    return parts
