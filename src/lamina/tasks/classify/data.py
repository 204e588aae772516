"""Where the examples of a classification come from."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

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
from lamina.data.read.registry import SEQUENCES, TABLES
from lamina.data.text.normalize import Level, Normalize
from lamina.options import Count, Natural, Options, Share
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


class ClassifyData(Options, frozen=True, kw_only=True):
    """Where the examples are, how they are read, split and batched, and what a mistake costs."""

    source: Annotated[
        str,
        Meta(
            description=f"A table ({', '.join(TABLES.suffixes)}), sequences "
            f"({', '.join(SEQUENCES.suffixes)}), or the name of a corpus "
            f"({', '.join(sorted(NAMED))})."
        ),
    ]
    label: Annotated[str, Meta(description="The column of the label.")] = "label"
    text: Annotated[str | None, Meta(description="The column of the text; for texts.")] = None
    id: Annotated[
        str | None, Meta(description="The column that names the sequence of each row; for numbers.")
    ] = None
    features: Annotated[
        tuple[str, ...],
        Meta(description="The numeric columns to read; empty: every other numeric column."),
    ] = ()
    separator: Annotated[
        str | None,
        Meta(
            description="The separator between labels, if an example may have several or none; "
            "None: each has exactly one."
        ),
    ] = None
    threshold: Annotated[
        Annotated[float, Meta(gt=0, lt=1)],
        Meta(description="The smallest probability at which one of several labels is predicted."),
    ] = 0.5
    class_weights: Annotated[
        tuple[str, ...],
        Meta(
            description="Weights of the labels' errors in training: balanced, or NAME=WEIGHT for "
            "labels that weigh more or less than 1."
        ),
    ] = ()
    label_smoothing: Annotated[
        Share,
        Meta(description="The share of probability spread evenly over the labels in training."),
    ] = 0.0
    missing: Annotated[
        MissingValues,
        Meta(
            description="Treat missing values as an error, or fill in the mean of the training "
            "part or the last value (forward)."
        ),
    ] = "refuse"
    missing_indicator: Annotated[
        bool, Meta(description="Add features that are 1 where a value was missing.")
    ] = False
    max_steps: Annotated[
        Count | None, Meta(description="Truncate longer numeric sequences; None: keep them whole.")
    ] = None
    validation: Annotated[
        str | None, Meta(description="A file with the validation part; None: split it from source.")
    ] = None
    test: Annotated[
        str | None, Meta(description="A file with the test part; None: split it from source.")
    ] = None
    fractions: Annotated[
        tuple[float, float, float],
        Meta(
            description="Shares of train, validation and test; a part with its own file takes none."
        ),
    ] = (0.8, 0.1, 0.1)
    split_seed: Annotated[
        Natural,
        Meta(
            description="Random seed of the split, which is stratified by label (unless there are "
            "several) and keeps duplicates together."
        ),
    ] = 0
    level: Annotated[Level, Meta(description="Tokens: words or characters.")] = "word"
    normalize: Annotated[
        Normalize, Meta(description="How to normalise text before it is split into tokens.")
    ] = "lower"
    max_vocabulary: Annotated[
        Count,
        Meta(
            description="Size of the vocabulary, <unk> included; the most frequent tokens are kept."
        ),
    ] = 20_000
    min_count: Annotated[
        Count, Meta(description="Tokens seen less often in the training part are read as unknown.")
    ] = 2
    max_tokens: Annotated[Count, Meta(description="Truncate longer texts.")] = 400
    keep: Annotated[Keep, Meta(description="The end of a long text or sequence to keep.")] = "end"
    batch_size: Annotated[Count, Meta(description="Sequences per batch.")] = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        as_shares(self.fractions)
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
