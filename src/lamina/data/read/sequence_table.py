"""Numeric sequences, one per id: from a format that holds them, or from a table in long format.

Numbers stay float64: they become float32 when they are standardised, and not before
(:mod:`lamina.data.prepare.standardize`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np

from lamina.data.read.columns import Choice, is_missing, note_rounded, numeric_columns, read_numbers
from lamina.data.read.registry import SEQUENCES, TABLES
from lamina.data.read.shapes import SequenceTable
from lamina.data.read.table import Block, Table, shown
from lamina.spec import LaminaError, LaminaWarning


def read_sequence_table(
    path: str | Path,
    *,
    id: str,
    label: str | None,
    features: list[str] | None = None,
    missing: bool = False,
    separator: str | None = None,
    option: str = "label",
) -> SequenceTable:
    """Read sequences from a file that holds them (``.ts``), or from a table in long format.

    The table has one row per time step, and each id's rows are in time order.

    Args:
        path: The file.
        id: The column that says which sequence a row belongs to; the rows of an id need not be
            adjacent. Not used for ``.ts`` files, which have their own ids.
        label: A column that is the same in all rows of an id; ``None`` reads no labels.
        features: The numeric columns; ``None`` means every other column of numbers (see
            :mod:`lamina.data.read.columns`).
        missing: Whether values may be missing (they become NaN): cells that are blank or read NA,
            N/A, NaN, null, none or ?.
        separator: What separates several labels of one example, which may then also have none; a
            list in JSON needs none, and is joined by it.
        option: The option that names the column of the label: what messages call a label.

    Raises:
        LaminaError: A value is missing, not a number, or beyond float32; an id or label is
            missing; a label changes within an id (all with the line); or a ``.ts`` file does not
            have the named number of features.
    """
    if not SEQUENCES.holds(path):
        read = TABLES.find(path, beside=(SEQUENCES,))
        return _assembled(partial(read, path), id, label, features, missing, separator, option)
    found = SEQUENCES.find(path)(path, labelled=label is not None, missing=missing)
    if features and len(found.features) != len(features):
        raise LaminaError(
            f"has {len(found.features)} dimensions; need {len(features)}, as in training",
            place=str(path),
        )
    return found


def _assembled(
    read: Callable[[], Table],
    id: str,
    label: str | None,
    features: list[str] | None,
    missing: bool,
    separator: str | None,
    option: str,
) -> SequenceTable:
    """The sequences of a table in long format; see :func:`read_sequence_table`."""
    table = read()
    named = [id] if label is None else [id, label]
    table.check_roles([*named, *(features or [])])
    if features == []:
        raise LaminaError("got no features; need at least one feature column.", place=table.path)
    id_at = table.position(id)
    label_at = None if label is None else table.position(label, option)

    choice = Choice()
    if features is None:
        choice, table = _chosen(table, named, read)
        features = choice.names
    flags: dict[str, bool] = {}
    rounded: set[str] = set()
    members: dict[str, int] = {}
    labels: list[str] = []
    codes: list[int] = []
    arrays: list[np.ndarray] = []
    for block in table.blocks:
        arrays.append(_numbers(table, block, features, flags, rounded, missing=missing))
        keys = block.texts(id_at)
        names = keys if label_at is None else block.texts(label_at)
        for line, key, name in zip(block.lines, keys, names, strict=True):
            key = table.filled(line, id, key).strip()
            code = members.setdefault(key, len(members))
            codes.append(code)
            if label is None:
                continue
            value = table.label(line, label, name, separator)
            if code == len(labels):
                labels.append(value)
            elif labels[code] != value:
                raise LaminaError(
                    f"{option} {shown(value)}, but id {shown(key)} began with "
                    f"{shown(labels[code])}; need one {option} an id.",
                    place=table.place(line),
                )
    if not arrays:
        raise table.no_rows()

    order = np.argsort(np.asarray(codes), kind="stable")
    ends = np.cumsum(np.bincount(codes))[:-1]
    sequences = np.split(np.concatenate(arrays)[order], ends)
    found = None if label is None else labels
    return SequenceTable(sequences, found, list(members), list(features), table.path, choice)


def _chosen(table: Table, named: list[str], read: Callable[[], Table]) -> tuple[Choice, Table]:
    """The columns of numbers by all rows, and the table with its rows still to be read."""
    begun = list(islice(table.blocks, 2))
    if not begun:
        raise table.no_rows()
    choice = numeric_columns(table, named, chain(begun, table.blocks), "features")
    choice.warn(table.path, "features")
    if len(begun) == 1:
        return choice, replace(table, blocks=iter(begun))
    return choice, replace(table, blocks=_quietly(read))


def _quietly(read: Callable[[], Table]) -> Iterator[Block]:
    """The rows of a table once more, without the notes that were given the first time."""
    blocks: Iterator[Block] | None = None
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LaminaWarning)
            blocks = read().blocks if blocks is None else blocks
            block = next(blocks, None)
        if block is None:
            return
        yield block


def _numbers(
    table: Table,
    block: Block,
    features: list[str],
    flags: dict[str, bool],
    rounded: set[str],
    *,
    missing: bool,
) -> np.ndarray:
    """``(len(block), I)`` float64, NaN where a value is missing (if ``missing`` allows it).

    ``flags`` holds which columns are true or false, as far as is known by the blocks before;
    ``rounded`` those whose rounded numbers were noted."""
    out = np.empty((len(block), len(features)))
    for i, column in enumerate(features):
        position = table.position(column)
        column_values = block.series(position)
        values, flag = read_numbers(column_values)
        if column not in rounded and note_rounded(
            column_values,
            f"feature {shown(column)}",
            lambda row: table.place(block.lines[row]),
        ):
            rounded.add(column)
        if values.null_count() < len(values) and flags.setdefault(column, flag) != flag:
            row = int(values.is_not_null().arg_max() or 0)
            raise LaminaError(
                f"feature {shown(column)} is {shown(block.texts(position)[row] or '')} here; need "
                "either numbers, or true and false, in one column",
                place=table.place(block.lines[row]),
            )
        out[:, i] = values.fill_null(float("nan")).to_numpy()
        wrong = np.flatnonzero(~(np.abs(out[:, i]) <= np.finfo(np.float32).max))  # NaN is wrong too
        written = block.texts(position) if len(wrong) else []
        gaps = is_missing(column_values) if len(wrong) else []
        for row in wrong.tolist():
            absent = gaps[row]
            if missing and absent:
                continue
            remedy = " Or say how to fill gaps: missing='forward' or 'mean'." if absent else ""
            raise LaminaError(
                f"feature {shown(column)} is {shown(written[row] or 'missing')}; need a finite "
                f"number. Fill it, take the sequence out, or name the features without this "
                f"column.{remedy}",
                place=table.place(block.lines[row]),
            )
    return out
