"""Which format reads which file, by the shape of the data and the suffix of the file name.

A new format is one file in ``formats/`` and one line here. Every task and the command line come
through this module; no other code looks at a suffix. Files that end in ``.gz`` are unpacked,
whatever their format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

from lamina.data.read.files import suffix_of
from lamina.data.read.formats.conll import Columns
from lamina.data.read.formats.conllu import ConllU
from lamina.data.read.formats.delimited import read_csv, read_tsv
from lamina.data.read.formats.fasta import Fasta
from lamina.data.read.formats.frames import read_arrow, read_parquet
from lamina.data.read.formats.json_lines import read_json_lines
from lamina.data.read.formats.tabbed import read_tabbed
from lamina.data.read.formats.ts import read_ts
from lamina.data.read.sentences import SentenceFormat
from lamina.data.read.shapes import Pairs, SequenceTable
from lamina.data.read.table import Table
from lamina.spec import LaminaError

R = TypeVar("R")


@dataclass(frozen=True)
class Reader(Generic[R]):
    """A file format.

    Attributes:
        suffixes: The suffixes of its files, in lower case.
        read: The function or object that reads a file.
        header: Whether column names are simply the first row of a table. Only a column that the
            user names then shows that there is a header.
    """

    suffixes: tuple[str, ...]
    read: R
    header: bool = False


@dataclass(frozen=True)
class Shape(Generic[R]):
    """The formats for one shape of data (see :mod:`lamina.data.read.shapes`).

    Attributes:
        readers: One per format.
        others: Reads files with any other suffix; ``None`` rejects them.
    """

    readers: tuple[Reader[R], ...]
    others: R | None = None

    def reader(self, path: str | Path) -> Reader[R] | None:
        """The format with the file's suffix, or ``None``."""
        suffix = suffix_of(path)
        return next((reader for reader in self.readers if suffix in reader.suffixes), None)

    @property
    def suffixes(self) -> list[str]:
        """Those of all formats, in order."""
        return [suffix for reader in self.readers for suffix in reader.suffixes]

    def holds(self, path: str | Path) -> bool:
        """Whether some format of this shape has the file's suffix."""
        return self.reader(path) is not None

    def find(self, path: str | Path, *, beside: tuple[Shape, ...] = ()) -> R:
        """The function or object that reads a file.

        Args:
            path: The file.
            beside: Other shapes that the caller accepts; the message lists their suffixes too.

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

#: Named columns and rows. Every other shape except sentences can be made from a table.
TABLES: Shape[_ReadsTable] = Shape(
    (
        Reader((".csv",), read_csv, header=True),
        Reader((".tsv",), read_tsv, header=True),
        Reader((".jsonl", ".ndjson"), read_json_lines),
        Reader((".parquet",), read_parquet),
        Reader((".arrow", ".feather"), read_arrow),
    )
)

#: Arrays, each with an id and a label.
SEQUENCES: Shape[_ReadsSequences] = Shape((Reader((".ts",), read_ts),))

#: Words, each with a label.
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
