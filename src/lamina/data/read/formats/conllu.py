"""CoNLL-U, the format of Universal Dependencies (universaldependencies.org/format)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lamina.data.read.sentences import Sentence, SentenceFormat, paragraphs, words_with_labels
from lamina.data.read.table import shown
from lamina.spec import LaminaError
from lamina.spec.counted import counted

_COLUMNS = 10
#: The columns that can be the label, and where they are.
LABELS = {"upos": 3, "xpos": 4}


class ConllU(SentenceFormat):
    """Syntactic words; a label is the name of its column."""

    name = "conllu"
    default_label = "upos"

    def check_label(self, label: str) -> None:
        """See :class:`SentenceFormat`."""
        if label not in LABELS:
            raise LaminaError(f"label is {label!r}; of CoNLL-U need upos or xpos")

    def read(
        self, path: str | Path, *, word: int, label: str | None, mask: str | None
    ) -> list[Sentence]:
        """See :class:`SentenceFormat`."""
        return read_conllu(path, label=label)

    def write(self, sentence: Sentence, labels: Sequence[str], *, label: str) -> str:
        """The labels in their column; see :class:`SentenceFormat`."""
        if not sentence.lines:
            return words_with_labels(sentence, labels)
        lines = list(sentence.lines)
        for at, given in zip(sentence.at, labels, strict=True):
            fields = lines[at].split("\t")
            fields[LABELS[label]] = given
            lines[at] = "\t".join(fields)
        return "\n".join(lines) + "\n"


def read_conllu(path: str | Path, *, label: str | None) -> list[Sentence]:
    """Sentences from a CoNLL-U file (universaldependencies.org/format): syntactic words; comments,
    ranges such as ``1-2`` and empty nodes such as ``8.1`` are passed over.

    Args:
        path: The file.
        label: ``upos``, ``xpos``, or ``None``: no labels are read.

    Raises:
        LaminaError: With the line: the file is broken, or a word has no label.
    """
    found: list[Sentence] = []
    for paragraph in paragraphs(path):
        words: list[str] = []
        labels: list[str] = []
        at: list[int] = []
        for k, line in enumerate(paragraph.lines):
            if not line.strip() or line.startswith("#"):
                continue
            place = f"{path}:{paragraph.first + k}"
            fields = line.split("\t")
            if len(fields) != _COLUMNS:
                raise LaminaError(
                    f"got {counted(len(fields), 'column')}; "
                    f"CoNLL-U has {_COLUMNS}, separated by tabs.",
                    place=place,
                )
            if "-" in fields[0] or "." in fields[0]:
                continue
            if fields[0] != str(len(words) + 1):
                raise LaminaError(
                    f"got word number {shown(fields[0])}; need {len(words) + 1}. Put a blank line "
                    "between sentences, and number the words of each from 1.",
                    place=place,
                )
            if not fields[1].strip():
                raise LaminaError("the word is empty; need one.", place=place)
            words.append(fields[1])
            at.append(k)
            if label is not None:
                value = fields[LABELS[label]].strip()
                if value in ("", "_"):
                    raise LaminaError(
                        f"the word {shown(fields[1])} has no {label}; fill it, or take the "
                        "sentence out.",
                        place=place,
                    )
                labels.append(value)
        if words:
            place = f"{path}:{paragraph.first + at[0]}"
            found.append(
                Sentence(words, place, labels if label else None, lines=paragraph.lines, at=at)
            )
    if not found:
        raise LaminaError("got no words; need sentences of CoNLL-U.", place=str(path))
    return found
