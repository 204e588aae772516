"""The table of named corpora; the entries are in ``corpora.json`` next to this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec


class CorpusFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a corpus.

    Attributes:
        name: Its name; a compressed copy called ``name + ".gz"`` is accepted too.
        size_bytes: Of the uncompressed content.
        sha256: Of the uncompressed content, 64 hex digits.
        url: Where to download it; ``None``: nowhere.
    """

    name: str
    size_bytes: int
    sha256: str
    url: str | None = None


class LabelledColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="columns"):
    """Labelled texts in two columns of a table.

    Attributes:
        text: The column of the text.
        label: The column of the label.
        line_break: The representation of a line end in the texts.
    """

    text: str
    label: str
    line_break: str = "\n"


class LabelledLines(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="lines"):
    """Labelled texts, one per line: the label, and the text.

    Attributes:
        label_ends: The delimiter after the label.
        text_begins: The delimiter before the text, if anything precedes it; otherwise empty.
        encoding: Of the file.
    """

    label_ends: str
    text_begins: str = ""
    encoding: str = "utf-8"


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the table.

    Attributes:
        about: What it is.
        licence: As stated by its source; read it before you publish anything made from it.
        folder: Its folder under ``$LAMINA_DATA`` and in the cache.
        files: By role: ``text``; ``train``, ``validation``, ``test``; ``pairs``, or ``train.en``,
            ... of translations; ``sequences``, ``labels``, ``mask`` of residues.
        source: Where to get it if lamina does not download it.
        texts: The format of its labelled texts; ``None``: it has none.
    """

    about: str
    licence: str
    folder: str
    files: dict[str, CorpusFile]
    source: str
    texts: LabelledColumns | LabelledLines | None = None


#: Every corpus by its name.
CORPORA: Mapping[str, Corpus] = MappingProxyType(
    msgspec.json.decode(
        Path(__file__).with_name("corpora.json").read_bytes(), type=dict[str, Corpus]
    )
)
