"""Which format reads which file: by the shape of data that is wanted, and the suffix of the name.

A new format is one file in ``formats/`` and one line here. Every task and the command line come
through this module; no other code looks at a suffix. A file with ``.gz`` behind its suffix is
unpacked on the way, whatever its format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

from lamina.data.read.files import suffix_of
from lamina.data.read.formats.arrow import read_arrow
from lamina.data.read.formats.conll import Columns
from lamina.data.read.formats.conllu import ConllU
from lamina.data.read.formats.delimited import read_csv, read_tsv
from lamina.data.read.formats.fasta import Fasta
from lamina.data.read.formats.json_lines import read_json_lines
from lamina.data.read.formats.parquet import read_parquet
from lamina.data.read.formats.tabbed import read_tabbed
from lamina.data.read.formats.ts import read_ts
from lamina.data.read.sentences import SentenceFormat
from lamina.data.read.shapes import Pairs, SequenceTable
from lamina.data.read.table import Table
from lamina.spec import LaminaError

R = TypeVar("R")


@dataclass(frozen=True)
class Reader(Generic[R]):
    """One format.

    Attributes:
        suffixes: Of its files, in lower case.
        read:     Reads one.
        header:   Whether the names of a table's columns are a first row like any other. Only a
                  column that the user names can then say that there is a header.
    """

    suffixes: tuple[str, ...]
    read: R
    header: bool = False


@dataclass(frozen=True)
class Shape(Generic[R]):
    """The formats that hold one shape of data; :mod:`lamina.data.read.shapes` says what these are.

    Attributes:
        readers: One a format.
        others:  Reads files with any other suffix; ``None``: they are refused.
    """

    readers: tuple[Reader[R], ...]
    others: R | None = None

    def reader(self, path: str | Path) -> Reader[R] | None:
        """The format that the file's suffix names, or ``None``."""
        suffix = suffix_of(path)
        return next((reader for reader in self.readers if suffix in reader.suffixes), None)

    @property
    def suffixes(self) -> list[str]:
        """Those of all formats, in order."""
        return [suffix for reader in self.readers for suffix in reader.suffixes]

    def holds(self, path: str | Path) -> bool:
        """Whether the file's suffix names a format of this shape."""
        return self.reader(path) is not None

    def find(self, path: str | Path, *, beside: tuple[Shape, ...] = ()) -> R:
        """What reads a file.

        Args:
            path: The file.
            beside: Other shapes that would have done; their suffixes are named in the message too.

        Raises:
            LaminaError: No format has the file's suffix.
        """
        if reader := self.reader(path):
            return reader.read
        if self.others is not None:
            return self.others
        known = [suffix for shape in (self, *beside) for suffix in shape.suffixes]
        raise LaminaError(
            f"got suffix {suffix_of(path)!r}; need one of {' '.join(known)} (or these with .gz). "
            "Rename or convert the file.",
            place=str(path),
        )


class _ReadsSequences(Protocol):
    def __call__(
        self, path: str | Path, *, labelled: bool, missing: bool = False
    ) -> SequenceTable: ...


_ReadsTable: TypeAlias = Callable[[str | Path], Table]
_ReadsPairs: TypeAlias = Callable[[str | Path], Pairs]

#: Named columns and rows. Every other shape but sentences can be made of them.
TABLES: Shape[_ReadsTable] = Shape(
    (
        Reader((".csv",), read_csv, header=True),
        Reader((".tsv",), read_tsv, header=True),
        Reader((".jsonl", ".ndjson"), read_json_lines),
        Reader((".parquet",), read_parquet),
        Reader((".arrow", ".feather"), read_arrow),
    )
)

#: Arrays with an id and a label each.
SEQUENCES: Shape[_ReadsSequences] = Shape((Reader((".ts",), read_ts),))

#: Words with a label each.
SENTENCES: Shape[SentenceFormat] = Shape(
    (
        Reader((".conll",), Columns()),
        Reader((".conllu",), ConllU()),
        Reader((".fasta", ".fas", ".fa", ".faa"), Fasta()),
    ),
    others=Columns(),
)

#: Texts and their counterparts.
PAIRS: Shape[_ReadsPairs] = Shape((Reader((".tsv",), read_tabbed),), others=read_tabbed)
