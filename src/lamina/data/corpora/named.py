"""Named corpora as tables: each file read the way its origin wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lamina.data.corpora.files import find
from lamina.data.read.files import read_bytes
from lamina.data.read.text_table import TextTable, read_text_table
from lamina.spec import LaminaError


def corpus_table(name: str, role: str = "train", *, cache: Path | None = None) -> TextTable:
    """Texts and labels of a corpus for classification, fetched if need be (see :func:`find`).

    ``imdb``:  reviews, label ``0`` (negative) or ``1``; role ``train`` or ``test``; the mark
               ``<br />`` becomes a line end.
    ``trec``:  questions, one of 6 coarse classes; role ``train`` or ``test``.
    ``names``: surnames, one of 18 languages; role ``table``.

    Raises LaminaError for another name or role, and whatever :func:`find` raises.
    """
    if name not in _READERS:
        raise LaminaError(f"no table {name!r}; the tables are {', '.join(_READERS)}.")
    files = find(name, cache=cache)
    if role not in files:
        raise LaminaError(f"corpus {name!r} has no {role!r}; it has {', '.join(files)}.")
    return _READERS[name](files[role])


def _imdb(path: Path) -> TextTable:
    table = read_text_table(path, text="text", label="label")
    # The pages' mark of a line's end: four words of nothing at the level of words.
    return replace(table, texts=[text.replace("<br />", "\n") for text in table.texts])


def _trec(path: Path) -> TextTable:
    # "DESC:manner How did ...": the coarse class, the fine class, the question.
    return _labelled_lines(path, encoding="windows-1252", ends_label=":", ends_rest=" ")


def _names(path: Path) -> TextTable:
    return _labelled_lines(path, encoding="utf-8", ends_label="\t", ends_rest="")


def _labelled_lines(path: Path, *, encoding: str, ends_label: str, ends_rest: str) -> TextTable:
    """Lines of a label, what ends it, perhaps more up to ``ends_rest``, and the text."""
    texts: list[str] = []
    labels: list[str] = []
    places: list[str] = []
    for number, line in enumerate(read_bytes(path).decode(encoding).split("\n"), start=1):
        if not line:
            continue
        label, _, text = line.partition(ends_label)
        if ends_rest:
            text = text.partition(ends_rest)[2]
        texts.append(text)
        labels.append(label)
        places.append(f"{path}:{number}")
    return TextTable(texts, labels, places)


_READERS = {"imdb": _imdb, "trec": _trec, "names": _names}
