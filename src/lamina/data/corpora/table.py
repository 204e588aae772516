"""What is known about each named corpus; the entries are in ``corpora.json`` beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec


class CorpusFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a corpus.

    Attributes:
        name:       Its name; a copy packed as ``name + ".gz"`` is as good.
        size_bytes: Of the unpacked content.
        sha256:     Of the unpacked content, 64 hex digits.
        url:        Where it can be fetched; ``None``: nowhere.
    """

    name: str
    size_bytes: int
    sha256: str
    url: str | None = None


class LabelledColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="columns"):
    """Labelled texts in two columns of a table.

    Attributes:
        text:       The column of the text.
        label:      The column of the label.
        line_break: What the texts write for the end of a line.
    """

    text: str
    label: str
    line_break: str = "\n"


class LabelledLines(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="lines"):
    """Labelled texts, one a line: the label, and the text.

    Attributes:
        label_ends:  What ends the label.
        text_begins: What ends anything between the label and the text; empty: there is nothing.
        encoding:    Of the file.
    """

    label_ends: str
    text_begins: str = ""
    encoding: str = "utf-8"


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about a corpus.

    Attributes:
        about:   What it is.
        licence: What its origin says; read it before you publish anything made from it.
        folder:  Its folder under ``$LAMINA_DATA`` and in the cache.
        files:   By role: ``text``; ``train``, ``validation``, ``test``; ``pairs``, or ``train.en``,
                 ... of translations; ``sequences``, ``labels``, ``mask`` of residues.
        source:  Where to get it if lamina does not fetch it.
        texts:   How its files hold labelled texts; ``None``: they do not.
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
