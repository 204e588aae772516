"""Where the examples of a classification come from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from lamina.data import as_shares, corpus_table, digits, find, fingerprint
from lamina.data.vocabulary import Level, Normalize
from lamina.spec import LaminaError
from lamina.tasks.inputs import Inputs, Rows, SequenceInputs, TextInputs

#: Corpora that can be classified, and the role of each of their files.
NAMED = {
    "digits": {},
    "imdb": {"source": "train", "test": "test"},
    "trec": {"source": "train", "test": "test"},
    "names": {"source": "table"},
}


class ClassifyData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the examples are and how they are read, split and batched.

    source:         a CSV, TSV or JSONL file, or the name of a corpus (``imdb``, ``digits``).
    label:          the column of the label.
    text:           the column of the text; for texts.
    id:             the column that says to which sequence a row belongs; for numbers.
    features:       the columns of numbers; empty: every other column of numbers.
    validation:     a file with the validation part; ``None``: split from ``source``.
    test:           a file with the test part; ``None``: split from ``source``.
    fractions:      shares of train, validation and test; a part with a file of its own takes none.
    split_seed:     of the split, which is stratified by label and keeps copies together.
    level:          tokens are words or characters.
    normalize:      of the text, before it is cut into tokens.
    max_vocabulary: the most frequent tokens are kept, ``<unk>`` among them.
    min_count:      tokens seen less often in the training part are unknown.
    max_tokens:     longer texts are cut.
    keep:           which end of a long text stays.
    batch_size:     sequences in a batch.
    """

    source: str
    label: str = "label"
    text: str | None = None
    id: str | None = None
    features: tuple[str, ...] = ()
    validation: str | None = None
    test: str | None = None
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    split_seed: int = 0
    level: Level = "word"
    normalize: Normalize = "lower"
    max_vocabulary: int = 20_000
    min_count: int = 2
    max_tokens: int = 400
    keep: Literal["start", "end"] = "end"
    batch_size: int = 32

    def __post_init__(self) -> None:
        as_shares(self.fractions)
        for name in ("max_vocabulary", "min_count", "max_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise LaminaError(f"{name} is {getattr(self, name)}; need at least 1")
        if not self.named and (self.text is None) == (self.id is None):
            raise LaminaError(
                "need either text= (the column of the text) or id= (the column that names the "
                "sequence of a row of numbers)"
            )

    @property
    def named(self) -> bool:
        """Whether ``source`` is the name of a corpus; a file of that name goes before it."""
        return self.source in NAMED and not Path(self.source).exists()


def read(data: ClassifyData) -> tuple[Inputs, dict[str, Rows], dict[str, str]]:
    """The inputs, the rows by part, and the files' fingerprints.

    The rows of ``"source"`` are still to be split; ``"validation"`` and ``"test"`` are there where
    they have a file of their own.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    paths = {part: path for part in ("validation", "test") if (path := getattr(data, part))}
    rows: dict[str, Rows] = {}
    fingerprints: dict[str, str] = {}
    inputs: Inputs
    if data.named and data.source == "digits":
        table = digits()
        inputs = SequenceInputs(id="image", label="digit", features=tuple(table.features))
        rows["source"] = inputs.rows(table)
    elif data.named:
        inputs = _texts(data, text="text", label="label")
        for part, role in NAMED[data.source].items():
            rows[part] = inputs.rows(corpus_table(data.source, role))
        fingerprints = {str(path): fingerprint(path) for path in find(data.source).values()}
    elif data.text is not None:
        inputs = _texts(data, text=data.text, label=data.label)
        paths["source"] = data.source
    else:
        assert data.id is not None
        inputs = SequenceInputs(id=data.id, label=data.label, features=data.features)
        table = inputs.table(data.source)
        inputs = msgspec.structs.replace(inputs, features=tuple(table.features))
        rows["source"] = inputs.rows(table)
        fingerprints[data.source] = fingerprint(data.source)
    for part, path in paths.items():
        rows[part] = inputs.read(path)
        fingerprints[path] = fingerprint(path)
    return inputs, rows, fingerprints


def _texts(data: ClassifyData, *, text: str, label: str) -> TextInputs:
    return TextInputs(text=text, label=label, max_tokens=data.max_tokens, keep=data.keep)
