"""FASTA: residues, and in files beside them the label of each and a mask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lamina.data.read.files import read_lines
from lamina.data.read.sentences import Sentence, SentenceFormat
from lamina.data.read.table import shown
from lamina.spec import LaminaError

_TAG = re.compile(r"(?:^|\s)(SET|VALIDATION)=(\S*)")
_PARTS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation"}
_PARTS |= {"dev": "validation", "test": "test"}


class Fasta(SentenceFormat):
    """Residues; a label is the file of the labels."""

    name = "fasta"
    default_label = ""
    residues = True

    def check_label(self, label: str) -> None:
        """See :class:`SentenceFormat`."""
        if not label:
            raise LaminaError("need label= (a FASTA file with a label for each residue)")

    def read(
        self, path: str | Path, *, word: int, label: str | None, mask: str | None
    ) -> list[Sentence]:
        """See :class:`SentenceFormat`."""
        return read_fasta(path, labels=label, mask=mask)

    def write(self, sentence: Sentence, labels: Sequence[str], *, label: str) -> str:
        """The labels below the residues; see :class:`SentenceFormat`."""
        return "\n".join([*(sentence.lines or ("".join(sentence.words),)), "".join(labels)])


@dataclass(frozen=True)
class Record:
    """One entry of a FASTA file.

    Attributes:
        name:   The first word behind ``>``.
        header: All of that line but ``>``.
        text:   The lines below, joined.
        line:   The header's line, from 1.
        ends:   Whether a ``*`` followed the text: the stop of a translation, no residue.
    """

    name: str
    header: str
    text: str
    line: int
    ends: bool = False


def read_records(path: str | Path) -> list[Record]:
    """The entries of a FASTA file, in order.

    Raises:
        LaminaError: With the line: text before the first header, an entry without a name or without
            text, a name that is there twice.
    """
    found: list[Record] = []
    seen: dict[str, int] = {}
    header: tuple[str, int] | None = None
    pieces: list[str] = []

    def close() -> None:
        if header is None:
            return
        text, line = header
        place = f"{path}:{line}"
        name = text.split(None, 1)[0] if text.strip() else ""
        if not name:
            raise LaminaError("got a header without a name; need > and a name.", place=place)
        if name in seen:
            raise LaminaError(
                f"{shown(name)} stands here again, after line {seen[name]}; need each name once.",
                place=place,
            )
        if not pieces:
            raise LaminaError(f"{shown(name)} is empty; need a sequence below it.", place=place)
        seen[name] = line
        joined = "".join(pieces)
        residues = joined.removesuffix("*")
        if not residues:
            raise LaminaError(f"{shown(name)} is empty; need a sequence below it.", place=place)
        found.append(Record(name, text, residues, line, ends=residues != joined))

    lines = read_lines(path)
    for number, line in enumerate(lines, start=1):
        if line.startswith(">"):
            close()
            header, pieces = (line[1:], number), []
        elif line.strip() and not line.startswith(";"):  # a remark, in old files
            if header is None:
                raise LaminaError(
                    f"got {shown(line)} before the first header; a FASTA entry begins with > and "
                    "its name.",
                    place=f"{path}:{number}",
                )
            pieces.append("".join(line.split()))
    close()
    if not found:
        raise LaminaError("got no entry; need headers that begin with >.", place=str(path))
    return found


def read_fasta(
    path: str | Path, *, labels: str | Path | None, mask: str | Path | None
) -> list[Sentence]:
    """Sequences of residues, one character each.

    Args:
        path: The file.
        labels: A FASTA file with one character a residue under the same names; its headers may say
            the part of each: ``SET=train`` (or ``validation``, ``test``), and ``VALIDATION=True``
            for those of train that validate. ``None``: no labels are read.
        mask: A FASTA file with 1 where a residue counts and 0 where not; ``None``: all count.

    Raises:
        LaminaError: With the line: a broken file, a name that one of the files lacks, lengths that
            differ.
    """
    records = read_records(path)
    label_of = None if labels is None else _by_name(labels)
    mask_of = None if mask is None else _by_name(mask)
    found: list[Sentence] = []
    for record in records:
        label = counted = part = None
        if labels is not None and label_of is not None:
            beside = _beside(record, path, label_of, labels)
            label, part = beside.text, _part(beside, labels)
        if mask is not None and mask_of is not None:
            flags = _beside(record, path, mask_of, mask)
            if set(flags.text) - {"0", "1"}:
                other = next(c for c in flags.text if c not in "01")
                raise LaminaError(
                    f"got {shown(other)} in a mask; need 1 where a residue counts, else 0.",
                    place=f"{mask}:{flags.line}",
                )
            counted = [flag == "1" for flag in flags.text]
        found.append(
            Sentence(
                record.text,
                f"{path}:{record.line}",
                label,
                counted,
                lines=(f">{record.header}", record.text),
                part=part,
            )
        )
    if label_of is not None and len({sentence.part is None for sentence in found}) > 1:
        bare = next(s for s in found if s.part is None)
        raise LaminaError(
            "this entry has no SET= in the header of its labels, and others have; need it in all "
            "or in none.",
            place=bare.place,
        )
    return found


def _by_name(path: str | Path) -> dict[str, Record]:
    return {record.name: record for record in read_records(path)}


def _beside(
    record: Record, path: str | Path, others: dict[str, Record], other: str | Path
) -> Record:
    """The entry of the file ``other`` that belongs to ``record``."""
    place = f"{path}:{record.line}"
    if record.name not in others:
        raise LaminaError(f"{shown(record.name)} is not in {other}; need it in both.", place=place)
    beside = others[record.name]
    if record.ends and len(beside.text) == len(record.text) + 1:  # with a label for the stop
        beside = replace(beside, text=beside.text[:-1])
    if len(beside.text) != len(record.text):
        raise LaminaError(
            f"{shown(record.name)} has {len(record.text)} residues here and {len(beside.text)} "
            f"characters in {other}, line {beside.line}; need one for each.",
            place=place,
        )
    return beside


def _part(record: Record, path: str | Path) -> str | None:
    tags = dict(_TAG.findall(record.header))
    if "SET" not in tags:
        return None
    part = _PARTS.get(tags["SET"].lower())
    if part is None:
        raise LaminaError(
            f"got SET={tags['SET']}; need train, validation or test.", place=f"{path}:{record.line}"
        )
    validates = tags.get("VALIDATION", "False").lower()
    if validates not in ("true", "false"):
        raise LaminaError(
            f"got VALIDATION={tags['VALIDATION']}; need True or False.",
            place=f"{path}:{record.line}",
        )
    return "validation" if part == "train" and validates == "true" else part
