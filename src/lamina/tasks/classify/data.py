"""Where the examples of a classification come from."""

from __future__ import annotations

import msgspec

from lamina.data import (
    as_shares,
    corpus_table,
    digits,
    fill_parts,
    find,
    fingerprint,
    japanese_vowels,
)
from lamina.data.prepare.missing import MissingValues
from lamina.data.read.files import suffix_of
from lamina.data.read.registry import SEQUENCES
from lamina.data.text.normalize import Level, Normalize
from lamina.options import Share, refuse
from lamina.spec import LaminaError
from lamina.tasks.base import is_corpus
from lamina.tasks.classify.inputs import (
    Inputs,
    Keep,
    LabelledExamples,
    SequenceInputs,
    TextInputs,
    check_separator,
)

#: Corpora that can be classified, and the role of each of their files.
NAMED = {
    "digits": {},
    "japanese_vowels": {},
    "imdb": {"source": "train", "test": "test"},
    "trec": {"source": "train", "test": "test"},
    "names": {"source": "table"},
}


class ClassifyData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the examples are, how they are read, split and batched, and what a mistake costs.

    source:            a table (CSV, TSV, JSONL, Parquet), a .ts file, or the name of a corpus
                       (``digits``, ``imdb``, ``japanese_vowels``, ``names``, ``trec``).
    label:             the column of the label.
    text:              the column of the text; for texts.
    id:                the column that names the sequence of each row; for numbers.
    features:          the numeric columns to read; empty: every other numeric column.
    separator:         the separator between labels, if an example may have several or none;
                       ``None``: each has exactly one.
    threshold:         the smallest probability at which one of several labels is predicted.
    class_weights:     ``balanced``, or NAME=WEIGHT for labels whose errors weigh more or less than
                       1 in training.
    label_smoothing:   the share of probability spread evenly over the labels in training.
    missing:           treat missing values as an error, or fill in the ``mean`` of the training
                       part or the last value (``forward``).
    missing_indicator: add features that are 1 where a value was missing.
    max_steps:         truncate longer numeric sequences; ``None``: keep them whole.
    validation:        a file with the validation part; ``None``: split it from ``source``.
    test:              a file with the test part; ``None``: split it from ``source``.
    fractions:         shares of train, validation and test; a part with its own file takes none.
    split_seed:        random seed of the split, which is stratified by label (unless there are
                       several) and keeps duplicates together.
    level:             tokens: words or characters.
    normalize:         how to normalise text before it is split into tokens.
    max_vocabulary:    size of the vocabulary, ``<unk>`` included; the most frequent tokens are
                       kept.
    min_count:         tokens seen less often in the training part are read as unknown.
    max_tokens:        truncate longer texts.
    keep:              the end of a long text or sequence to keep.
    batch_size:        sequences per batch.
    """

    source: str
    label: str = "label"
    text: str | None = None
    id: str | None = None
    features: tuple[str, ...] = ()
    separator: str | None = None
    threshold: float = 0.5
    class_weights: tuple[str, ...] = ()
    label_smoothing: float = 0.0
    missing: MissingValues = "refuse"
    missing_indicator: bool = False
    max_steps: int | None = None
    validation: str | None = None
    test: str | None = None
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    split_seed: int = 0
    level: Level = "word"
    normalize: Normalize = "lower"
    max_vocabulary: int = 20_000
    min_count: int = 2
    max_tokens: int = 400
    keep: Keep = "end"
    batch_size: int = 32

    def __post_init__(self) -> None:
        as_shares(self.fractions)
        for name in ("max_vocabulary", "min_count", "max_tokens", "max_steps", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise LaminaError(f"{name} is {value}; need at least 1")
        if not 0 < self.threshold < 1:
            raise LaminaError(f"threshold is {self.threshold}; need a number between 0 and 1")
        refuse("label_smoothing", self.label_smoothing, Share)
        check_separator(self.separator)
        if self.missing_indicator and self.missing == "refuse":
            raise LaminaError(
                "missing_indicator says which values are missing, and missing='refuse' allows "
                "none; need missing='forward' or 'mean' with it"
            )
        ready = SEQUENCES.holds(self.source)  # a file of sequences names no column
        if ready and self.text is not None:
            suffix = suffix_of(self.source)
            raise LaminaError(f"a {suffix} file holds numbers; leave text= out", place=self.source)
        if self.named or ready:
            return
        if (self.text is None) == (self.id is None):
            raise LaminaError(
                "need either text= (the column of the text) or id= (the column that names the "
                "sequence of a row of numbers)"
            )

    @property
    def named(self) -> bool:
        """Whether ``source`` is the name of a corpus; a file of that name goes before it."""
        return is_corpus(self.source, NAMED)


def read(data: ClassifyData) -> tuple[Inputs, dict[str, LabelledExamples], dict[str, str]]:
    """The inputs, the rows of each part, and the files' fingerprints.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    paths = {part: path for part in ("validation", "test") if (path := getattr(data, part))}
    rows: dict[str, LabelledExamples] = {}
    fingerprints: dict[str, str] = {}
    inputs: Inputs
    if data.named and data.source in _PACKAGED:
        tables = _PACKAGED[data.source]()
        table = tables["source"]
        inputs = _sequences(data, id="image", label="class", features=tuple(table.features))
        rows = {part: inputs.rows(table) for part, table in tables.items()}
    elif data.named:
        inputs = _texts(data, text="text", label="label")
        for part, role in NAMED[data.source].items():
            rows[part] = inputs.rows(corpus_table(data.source, role))
        fingerprints = {str(path): fingerprint(path) for path in find(data.source).values()}
    elif data.text is not None:
        inputs = _texts(data, text=data.text, label=data.label)
        paths["source"] = data.source
    else:
        inputs = _sequences(data, id=data.id or "case", label=data.label, features=data.features)
        table = inputs.table(data.source)
        inputs = msgspec.structs.replace(inputs, features=tuple(table.features))
        rows["source"] = inputs.rows(table)
        fingerprints[data.source] = fingerprint(data.source)
    for part, path in paths.items():
        rows[part] = inputs.read(path)
        fingerprints[path] = fingerprint(path)
    source = rows.pop("source")
    parts = fill_parts(
        rows,
        source.take,
        source.keys(),
        None if data.separator else source.labels,
        fractions=data.fractions,
        seed=data.split_seed,
    )
    return inputs, parts, fingerprints


#: Corpora that arrive with other packages, by part.
_PACKAGED = {
    "digits": lambda: {"source": digits()},
    "japanese_vowels": lambda: {
        "source": japanese_vowels("train"),
        "test": japanese_vowels("test"),
    },
}


def _texts(data: ClassifyData, *, text: str, label: str) -> TextInputs:
    return TextInputs(
        text=text,
        label=label,
        max_tokens=data.max_tokens,
        keep=data.keep,
        separator=data.separator,
    )


def _sequences(
    data: ClassifyData, *, id: str, label: str, features: tuple[str, ...]
) -> SequenceInputs:
    return SequenceInputs(
        id=id,
        label=label,
        features=features,
        missing=data.missing,
        missing_indicator=data.missing_indicator,
        max_steps=data.max_steps,
        keep=data.keep,
        separator=data.separator,
    )
