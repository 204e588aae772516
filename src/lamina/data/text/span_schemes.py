"""Labels that mark spans: detecting their scheme, reading the spans, converting between schemes.

A span of kind ``PER`` over three words is, in

- ``IOB1``:  ``I-PER I-PER I-PER``; it starts with ``B-PER`` only directly after another ``PER``
  (Ramshaw and Marcus 1995; CoNLL-2003),
- ``IOB2``:  ``B-PER I-PER I-PER``, also called BIO,
- ``IOBES``: ``B-PER I-PER E-PER``, and ``S-PER`` for a single word,
- ``BILOU``: the same with ``L`` for ``E`` and ``U`` for ``S``,
- ``BMEWO``: the same with ``M`` for ``I`` and ``W`` for ``S``; ``BMES`` with ``M`` for ``I`` alone.

``O`` is outside every span.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from lamina.spec import LaminaError, LaminaWarning

SpanScheme: TypeAlias = Literal["IOB1", "IOB2", "IOBES", "BILOU", "BMEWO", "BMES"]
#: How spans are read from labels: like conlleval, or strictly by the rules of the scheme.
Matching: TypeAlias = Literal["conlleval", "strict"]

OUTSIDE = "O"
_MARK = re.compile(r"O|[BIESLUMW](?:-.+)?", re.DOTALL)
#: Letters of other schemes, and those of IOBES.
_LETTERS = {"L": "E", "U": "S", "M": "I", "W": "S"}
#: Schemes that are IOBES in other letters: the letters that differ.
_SPELLED = {
    "BILOU": {"E": "L", "S": "U"},
    "BMEWO": {"I": "M", "S": "W"},
    "BMES": {"I": "M"},
}
#: The same labels in notations that are not read: the letter behind, in lower case, or with another
#: sign beside it.
_OTHERWISE = (
    re.compile(r"(?P<mark>[BIESLUMW])[^\w\s-](?P<kind>.+)|(?P<alone>O)"),
    re.compile(r"(?P<mark>[BIESLUMW])_(?P<kind>.+)|(?P<alone>O)"),
    re.compile(r"(?P<kind>.+)[^\w\s](?P<mark>[BIESLUMW])|(?P<alone>O)"),
    re.compile(r"(?P<kind>.+)_(?P<mark>[BIESLUMW])|(?P<alone>O)"),
    re.compile(r"(?P<mark>[bieslumw])[^\w\s](?P<kind>.+)|(?P<alone>[oO])"),
    re.compile(r"(?P<mark>[bieslumw])_(?P<kind>.+)|(?P<alone>[oO])"),
    re.compile(r"(?P<mark>[BIESLUMWbieslumw])-(?P<kind>.+)|(?P<alone>[oO])"),
)

#: A relation between a label and the next: ``(prefix, prefix, same kind) -> bool``.
_Rule: TypeAlias = Callable[[str, str, bool], bool]


@dataclass(frozen=True)
class Span:
    """Words ``first`` to ``last``, inclusive, form a span of this ``kind``."""

    first: int
    last: int
    kind: str


def parts(label: str) -> tuple[str, str]:
    """``"B-PER"`` -> ``("B", "PER")``; ``"O"`` and ``"B"`` have the kind ``""``."""
    prefix, _, kind = label.partition("-")
    return _LETTERS.get(prefix, prefix), kind


def recognise(sequences: Iterable[Sequence[str]]) -> SpanScheme | None:
    """The scheme that label sequences follow; ``None`` if they mark no spans.

    Labels that violate both IOB1 and IOB2 are treated as IOB2.

    Raises:
        LaminaError: They seem to mark spans in a notation or a scheme that is not read.
    """
    pairs = {
        pair
        for labels in sequences
        for pair in zip((OUTSIDE, *labels), (*labels, OUTSIDE), strict=True)
    }
    labels = {label for pair in pairs for label in pair}
    if not all(map(_MARK.fullmatch, labels)):
        _refuse_otherwise(labels)
        return None
    prefixes = {parts(label)[0] for label in labels}
    letters = {label.partition("-")[0] for label in labels}
    bare = labels & {"B", "I", "E", "S", *_LETTERS}
    if len(labels) == 1 or (bare and "B" not in labels):  # I and O may be any two classes
        return None
    if letters & {"L", "U"}:
        return _known(labels, "BILOU", letters <= {*"BILUO"})
    if letters & {"M", "W"}:
        name: SpanScheme = "BMEWO" if "W" in letters else "BMES"
        return _known(labels, name, letters <= {*"BMEWSO"} and not {"W", "S"} <= letters)
    if prefixes & {"E", "S"}:
        return _known(labels, "IOBES", bool(prefixes & {"B", "S"}))
    broken = {"IOB1": False, "IOB2": False}
    for before, label in pairs:
        (was, was_kind), (prefix, kind) = parts(before), parts(label)
        inside = was != OUTSIDE and was_kind == kind
        broken["IOB2"] |= prefix == "I" and not inside
        broken["IOB1"] |= prefix == "B" and not inside
    return "IOB1" if broken["IOB2"] and not broken["IOB1"] else "IOB2"


def _known(labels: set[str], scheme: SpanScheme, fits: bool) -> SpanScheme | None:
    """``scheme``, if its letters are all that there are; ``None`` if they name no kinds either.

    Raises:
        LaminaError: They do.
    """
    if not fits and not any("-" in label for label in labels):
        return None
    if not fits:
        found = ", ".join(sorted({label.partition("-")[0] for label in labels}))
        raise LaminaError(
            f"labels mark spans with {found}, which is no scheme that is read; need IOB1, IOB2 "
            "(BIO), IOBES, BILOU, BMEWO or BMES."
        )
    return scheme


def _refuse_otherwise(labels: set[str]) -> None:
    """Refuse labels that mark spans in another notation, such as ``B_PER``."""
    for notation in _OTHERWISE:
        found = [notation.fullmatch(label) for label in sorted(labels)]
        matches = [match for match in found if match and match["mark"]]
        marks = {match["mark"].upper() for match in matches}
        alone = any(match and match["alone"] for match in found)
        if all(found) and alone and marks & {"B", "I"} and len(matches) > 1:
            shown = next((m for m in matches if m["mark"].upper() == "B"), matches[0])
            raise LaminaError(
                f"labels such as {shown[0]!r} seem to mark spans, in a notation that is not read; "
                f"need {shown['mark'].upper()}-{shown['kind']}, and O outside. Rename the labels."
            )


def note_others(labels: set[str], place: str) -> None:
    """Note labels that mark no spans, beside more labels that do: a header line, say.

    Args:
        labels: All labels of a file, in no scheme.
        place: The file.

    Warns:
        LaminaWarning: With the first of them.
    """
    marked = sorted(label for label in labels if re.fullmatch("[BI]-.+", label, re.DOTALL))
    others = sorted(label for label in labels if not _MARK.fullmatch(label))
    if len(marked) > len(others):
        shown = ", ".join(map(repr, others[:3])) + ", ..." * (len(others) > 3)
        warnings.warn(
            LaminaWarning(
                f"{place}: labels such as {marked[0]!r} mark spans, but these do not: {shown}. So "
                "none are read as spans, and the score is accuracy, not F1. Is the first line a "
                "header?"
            ),
            stacklevel=3,
        )


def spans(labels: Sequence[str]) -> list[Span]:
    """The spans of one sequence, read like conlleval, whatever the scheme."""
    found: list[Span] = []
    first, before = 0, OUTSIDE
    for at, label in enumerate((*labels, OUTSIDE)):
        (was, was_kind), (prefix, kind) = parts(before), parts(label)
        if _ends(was, prefix, was_kind == kind):
            found.append(Span(first, at - 1, was_kind))
        if _starts(was, prefix, was_kind == kind):
            first = at
        before = label
    return found


def write(found: Iterable[Span], length: int, scheme: SpanScheme) -> list[str]:
    """The labels of ``length`` words with these spans, which must be sorted and not overlap."""
    labels = [OUTSIDE] * length
    before: Span | None = None
    for span in found:
        size = span.last - span.first + 1
        prefixes = ["I"] * size
        touches = before is not None and before.last + 1 == span.first and before.kind == span.kind
        if scheme != "IOB1" or touches:
            prefixes[0] = "B"
        if scheme not in ("IOB1", "IOB2"):
            prefixes[-1] = "E" if size > 1 else "S"
        spelled = _SPELLED.get(scheme, {})
        for at, plain in enumerate(prefixes, start=span.first):
            prefix = spelled.get(plain, plain)
            labels[at] = f"{prefix}-{span.kind}" if span.kind else prefix
        before = span
    return labels


def convert(labels: Sequence[str], scheme: SpanScheme) -> list[str]:
    """The same spans in another scheme."""
    return write(spans(labels), len(labels), scheme)


def tables(
    labels: Sequence[str], scheme: SpanScheme, matching: Matching
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether a span starts, continues or ends between label ``j`` and the next, ``k``.

    Each table is ``(K + 1, K + 1)`` bool; number ``K`` is a position outside every span, such as
    before the first word and after the last.
    """
    rules = (_starts, _goes_on, _ends) if matching == "conlleval" else _STRICT[scheme]
    split = [parts(label) for label in (*labels, OUTSIDE)]

    def table(rule: _Rule) -> np.ndarray:
        rows = [[rule(was, now, a == b) for now, b in split] for was, a in split]
        return np.array(rows, dtype=bool)

    starts, goes_on, ends = map(table, rules)
    return starts, goes_on, ends


# -- like conlleval (Tjong Kim Sang and Buchholz 2000): any label but O is in some span


def _ends(before: str, now: str, same: bool) -> bool:
    if before == OUTSIDE:
        return False
    return before in "ES" or now in "BSO" or not same


def _starts(before: str, now: str, same: bool) -> bool:
    if now == OUTSIDE:
        return False
    return now in "BS" or before in "ESO" or not same


def _goes_on(before: str, now: str, same: bool) -> bool:
    return now != OUTSIDE and not _starts(before, now, same)


# -- strictly by a scheme: labels that violate it are in no span. Same as seqeval's strict mode.


def _iob2_starts(before: str, now: str, same: bool) -> bool:
    return now == "B"


def _iob_goes_on(before: str, now: str, same: bool) -> bool:
    return before in "BI" and now == "I" and same


def _iob2_ends(before: str, now: str, same: bool) -> bool:
    return before in "BI" and not _iob_goes_on(before, now, same)


def _iob1_starts(before: str, now: str, same: bool) -> bool:
    if now == "I":
        return before in "OB" or (before == "I" and not same)
    return now == "B" and before in "BI" and same


def _iob1_ends(before: str, now: str, same: bool) -> bool:
    if before == "B" and now == "B":
        return same
    return _iob2_ends(before, now, same)


def _iobes_starts(before: str, now: str, same: bool) -> bool:
    return now in "BS"


def _iobes_goes_on(before: str, now: str, same: bool) -> bool:
    return before in "BI" and now in "IE" and same


def _iobes_ends(before: str, now: str, same: bool) -> bool:
    return before in "ES"


_IOBES: tuple[_Rule, _Rule, _Rule] = (_iobes_starts, _iobes_goes_on, _iobes_ends)
_STRICT: dict[SpanScheme, tuple[_Rule, _Rule, _Rule]] = {
    "IOB1": (_iob1_starts, _iob_goes_on, _iob1_ends),
    "IOB2": (_iob2_starts, _iob_goes_on, _iob2_ends),
    "IOBES": _IOBES,
    "BILOU": _IOBES,
    "BMEWO": _IOBES,
    "BMES": _IOBES,
}
