"""Where the examples come from, and how they are read and split."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lamina.data import Vocabulary, fill_parts, fingerprint
from lamina.data.prepare.missing import MissingValues
from lamina.data.prepare.standardize import Standardizer
from lamina.data.read.columns import WRITTEN_MISSING
from lamina.data.read.files import suffix_of
from lamina.data.read.registry import SEQUENCES, TABLES
from lamina.data.text.normalize import Level
from lamina.options import Count
from lamina.spec import LaminaError, LaminaWarning
from lamina.spec.counted import counted
from lamina.tasks.fields import (
    Encoding,
    Fractions,
    MinCount,
    NormalizeText,
    SourceData,
    SplitSeed,
    Test,
    Validation,
)
from lamina.tasks.many_to_one.inputs import (
    Examples,
    Fitted,
    Inputs,
    Keep,
    SequenceInputs,
    TextInputs,
)


class ExampleData(SourceData, frozen=True, kw_only=True):
    """Where texts or numeric sequences are, and how they are read, split and batched. A task adds
    the field that names the column of its answers."""

    source: Annotated[
        str, Meta(description=f"A table with the examples ({', '.join(TABLES.suffixes)}).")
    ]
    text: Annotated[str | None, Meta(description="The column of the text; for texts.")] = None
    id: Annotated[
        str | None, Meta(description="The column that names the sequence of each row; for numbers.")
    ] = None
    features: Annotated[
        tuple[str, ...],
        Meta(description="The numeric columns to read; empty: every other numeric column."),
    ] = ()
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
    validation: Validation = None
    test: Test = None
    encoding: Encoding = None
    fractions: Fractions = (0.8, 0.1, 0.1)
    split_seed: SplitSeed = 0
    level: Annotated[Level, Meta(description="Tokens: words or characters.")] = "word"
    normalize: NormalizeText = "lower"
    max_vocabulary: Annotated[
        Count,
        Meta(
            description="Size of the vocabulary, <unk> included; the most frequent tokens are kept."
        ),
    ] = 20_000
    min_count: MinCount = 2
    max_tokens: Annotated[Count, Meta(description="Truncate longer texts.")] = 400
    keep: Annotated[Keep, Meta(description="The end of a long text or sequence to keep.")] = "end"
    batch_size: Annotated[Count, Meta(description="Sequences per batch.")] = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.missing_indicator and self.missing == "refuse":
            raise LaminaError(
                "missing_indicator says which values are missing, and missing='refuse' allows "
                "none; need missing='forward' or 'mean' with it"
            )
        ready = SEQUENCES.holds(self.source)  # a file of sequences names no column
        if ready and self.text is not None:
            suffix = suffix_of(self.source)
            raise LaminaError(f"a {suffix} file holds numbers; leave text= out", place=self.source)
        texts = ("level", "normalize", "max_vocabulary", "min_count", "max_tokens")
        if ready:
            self.without_effect(texts, f"on sequences of numbers ({suffix_of(self.source)})")
        if self.named or ready:
            return
        if (self.text is None) == (self.id is None):
            raise LaminaError(
                "need either text= (the column of the text) or id= (the column that names the "
                "sequence of a row of numbers)"
            )
        if self.text is not None:
            numbers = ("features", "missing", "missing_indicator", "max_steps")
            self.without_effect(numbers, "on texts (text=)")
        else:
            self.without_effect(texts, "on sequences of numbers (id=)")


def inputs_of(
    data: ExampleData, texts: type[TextInputs], sequences: type[SequenceInputs], **answer: Any
) -> Inputs:
    """What ``data`` says is read: one of the two kinds, with the task's own fields ``answer``."""
    if data.text is not None:
        return texts(text=data.text, max_tokens=data.max_tokens, keep=data.keep, **answer)
    return sequences(
        id=data.id or "case",
        features=data.features,
        missing=data.missing,
        missing_indicator=data.missing_indicator,
        max_steps=data.max_steps,
        keep=data.keep,
        **answer,
    )


def read_source(data: ExampleData, inputs: Inputs) -> tuple[Inputs, Examples]:
    """The examples of the file ``data.source``, and ``inputs`` with the features it has.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    if isinstance(inputs, TextInputs):
        rows = inputs.read(data.source)
        warn_of_missing(rows, rows.values, "text")
    else:
        table = inputs.table(data.source)
        inputs = msgspec.structs.replace(inputs, features=tuple(table.features))
        rows = inputs.rows(table)
    return inputs, rows


def warn_of_missing(rows: Examples, values: Sequence[str], what: str) -> None:
    """Note the values, of ``rows``, that are words for a missing one: they may be meant.

    Warns:
        LaminaWarning: with the first place and the number of others.
    """
    found = [i for i, value in enumerate(values) if value.strip().lower() in WRITTEN_MISSING]
    if found:
        first, others = values[found[0]].strip(), len(found) - 1
        more = f" here and in {counted(others, 'more example')}" if others else ""
        warnings.warn(
            LaminaWarning(
                f"{rows.places[found[0]]}: the {what} is {first!r}{more}, and is read as a {what}. "
                "If it means that none is known, take these examples out."
            ),
            stacklevel=3,
        )


def read_parts(
    data: ExampleData, inputs: Inputs, rows: Mapping[str, Examples], *, stratify: bool
) -> tuple[dict[str, Examples], dict[str, str]]:
    """All three parts, and the fingerprints of the files read here.

    Args:
        data:     names the files of parts, and how the rest is split.
        inputs:   what is read.
        rows:     ``"source"``, and parts that were read already.
        stratify: whether each part gets every answer in the same share.

    Raises:
        LaminaError: a file that cannot be read, with the line; too few examples.
    """
    there, fingerprints = dict(rows), {}
    for part in ("validation", "test"):
        if path := getattr(data, part):
            there[part] = inputs.read(path)
            fingerprints[path] = fingerprint(path)
    source = there.pop("source")
    parts = fill_parts(
        there,
        source.take,
        source.keys(),
        source.answers if stratify else None,
        fractions=data.fractions,
        seed=data.split_seed,
    )
    return parts, fingerprints


def fit_inputs(data: ExampleData, inputs: Inputs, train: Examples) -> Fitted:
    """The vocabulary, or the scale of the features, of the training part."""
    if isinstance(inputs, SequenceInputs):
        return Standardizer.fit(train.values)
    return Vocabulary.build(
        train.values,
        level=data.level,
        normalize=data.normalize,
        max_size=data.max_vocabulary,
        min_count=data.min_count,
    )
