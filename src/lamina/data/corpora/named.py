"""Named corpora as tables of labelled texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lamina.data.corpora.files import find
from lamina.data.corpora.table import CORPORA, LabelledColumns, LabelledLines
from lamina.data.read.files import read_bytes
from lamina.data.read.text_table import TextTable, read_text_table
from lamina.spec import LaminaError


def corpus_table(name: str, role: str = "train", *, cache: Path | None = None) -> TextTable:
    """Texts and labels of a corpus, fetched if need be (see :func:`lamina.data.find`).

    Args:
        name: ``imdb`` (reviews, label ``0`` for negative or ``1``), ``trec`` (questions of 6
            coarse classes) or ``names`` (surnames of 18 languages).
        role: Which file: ``train`` or ``test``; of ``names``, ``table``.
        cache: The folder of downloads; ``None``: lamina's own.

    Raises:
        LaminaError: Another name or role, and whatever :func:`lamina.data.find` raises.
    """
    known = [name for name, corpus in CORPORA.items() if corpus.texts is not None]
    if name not in known:
        raise LaminaError(f"no table {name!r}; the tables are {', '.join(known)}.")
    files = find(name, cache=cache)
    if role not in files:
        raise LaminaError(f"corpus {name!r} has no {role!r}; it has {', '.join(files)}.")
    how = CORPORA[name].texts
    if isinstance(how, LabelledLines):
        return _labelled_lines(files[role], how)
    assert isinstance(how, LabelledColumns)
    table = read_text_table(files[role], text=how.text, label=how.label)
    # Markup such as <br /> would become four meaningless words at word level.
    return replace(table, texts=[text.replace(how.line_break, "\n") for text in table.texts])


def _labelled_lines(path: Path, how: LabelledLines) -> TextTable:
    texts: list[str] = []
    labels: list[str] = []
    places: list[str] = []
    for number, line in enumerate(read_bytes(path).decode(how.encoding).split("\n"), start=1):
        if not line:
            continue
        label, _, text = line.partition(how.label_ends)
        texts.append(text.partition(how.text_begins)[2] if how.text_begins else text)
        labels.append(label)
        places.append(f"{path}:{number}")
    return TextTable(texts, labels, places)
