"""Sequences in ``.ts`` files, the format of the UEA and UCR archive
(timeseriesclassification.com), read by sktime's own loader."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.read.files import read_lines
from lamina.data.read.shapes import SequenceTable
from lamina.spec import LaminaError

#: One installation brings the loader and the data that arrive with it.
NEED_SKTIME = "needs sktime, which is not installed. Install it: pip install 'lamina[series]'."


def read_ts(path: str | Path, *, labelled: bool, missing: bool = False) -> SequenceTable:
    """The cases of a ``.ts`` file: one sequence a line, its dimensions of equal length.

    labelled: whether labels are wanted; a file may have them and not be asked.
    missing:  whether ``?`` is a value, which becomes not-a-number.

    Labels are in lower case, as sktime's loader gives them; ids are the cases' numbers, from 1,
    features are ``dim_0``, ``dim_1``, ...

    Raises LaminaError, with the line, for a file that the loader refuses, for a case without a
    step or with dimensions of unequal length, and for values that are missing or not finite.
    """
    lines = read_lines(path)
    head, cases = _cut(lines, str(path))
    if any(line.strip().lower().startswith("@targetlabel true") for line in head):
        raise LaminaError(
            "has numbers to predict (@targetLabel), not classes (@classLabel)", place=str(path)
        )
    if not cases:
        raise LaminaError("has no case after @data; need one a line", place=str(path))
    try:
        table, labels = _load(head, [lines[i] for i in cases])
    except _LOADER_ERRORS as error:
        raise _located(error, head, cases, lines, str(path)) from None
    if len(table) != len(cases) or (labels is not None and len(labels) != len(cases)):
        raise LaminaError(
            f"sktime reads {len(table)} whole cases, and there are {len(cases)} lines of them",
            place=str(path),
        )
    if labels is None and labelled:
        raise LaminaError(
            "has no class labels; need @classLabel true, the classes, and one in each case",
            place=str(path),
        )
    sequences = []
    for row, line in enumerate(cases):
        place = f"{path}:{line + 1}"
        sequences.append(_sequence(table, row, place, missing=missing))
        if labels is not None and labelled and not labels[row]:
            raise LaminaError("the case has no label", place=place)
    return SequenceTable(
        sequences=sequences,
        labels=[str(label) for label in labels] if labels is not None and labelled else None,
        ids=[str(number) for number in range(1, len(cases) + 1)],
        features=[str(column) for column in table.columns],
        path=str(path),
    )


#: What the loader was seen to raise for broken files.
_LOADER_ERRORS = (OSError, ValueError, LookupError, TypeError, UnboundLocalError, AttributeError)


def _cut(lines: list[str], path: str) -> tuple[list[str], list[int]]:
    """The lines up to ``@data``, and where cases stand behind it."""
    for number, line in enumerate(lines):
        if line.strip().lower() == "@data":
            cases = [i for i in range(number + 1, len(lines)) if lines[i].strip()]
            for case in cases:
                if lines[case].lstrip().startswith("@"):
                    raise LaminaError("got a tag behind @data", place=f"{path}:{case + 1}")
            return lines[: number + 1], cases
    raise LaminaError("has no line @data; need a .ts file", place=path)


def _load(head: list[str], cases: list[str]) -> tuple[Any, Any]:
    """A data frame with a series in each cell, one row a case, and the labels or ``None``."""
    try:
        from sktime.datasets import load_from_tsfile_to_dataframe
    except ImportError:
        raise LaminaError(f"a .ts file {NEED_SKTIME}") from None
    # The loader takes a path only, and adds to it a suffix that it does not find in lower case.
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder, "cases.ts")
        file.write_text("\n".join([*head, *cases]) + "\n", encoding="utf-8")
        loaded = load_from_tsfile_to_dataframe(str(file))
    return loaded if isinstance(loaded, tuple) else (loaded, None)


def _located(
    error: Exception, head: list[str], cases: list[int], lines: list[str], path: str
) -> LaminaError:
    """The loader's error with the first line that it refuses beside the first case."""
    what = " ".join(str(error).split())[:100]
    for line in cases:
        try:
            _load(head, [lines[i] for i in {cases[0]: None, line: None}])
        except _LOADER_ERRORS as found:
            what = " ".join(str(found).split())[:100]
            # The header is at fault where no case at all would do.
            place = path if line == cases[0] else f"{path}:{line + 1}"
            if line == cases[0] and isinstance(found, ValueError):
                place = f"{path}:{line + 1}"
            return LaminaError(f"is no .ts file that sktime reads ({what})", place=place)
    return LaminaError(f"is no .ts file that sktime reads ({what})", place=path)


def _sequence(table: Any, row: int, place: str, *, missing: bool) -> np.ndarray:
    """Case ``row`` as ``(T, I)`` float64."""
    channels = [np.asarray(cell, dtype=np.float64) for cell in table.iloc[row]]
    lengths = sorted({len(channel) for channel in channels})
    if len(lengths) > 1 or not lengths[0]:
        raise LaminaError(
            f"the dimensions have {', '.join(map(str, lengths))} steps; need equally many, and "
            "one at least",
            place=place,
        )
    sequence = np.stack(channels, axis=1)
    if (np.abs(sequence) > np.finfo(np.float32).max).any():
        raise LaminaError("got a value that is not finite", place=place)
    if not missing and np.isnan(sequence).any():
        raise LaminaError(
            "a value is missing; need all of them, or a way to fill them: missing='forward'",
            place=place,
        )
    return sequence
