"""Where the examples of a classification come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lamina.data import corpus_table, digits, find, fingerprint, japanese_vowels
from lamina.data.read.registry import SEQUENCES, TABLES
from lamina.options import Natural, Share
from lamina.spec import LaminaError
from lamina.tasks.classify.inputs import (
    LabelledSequences,
    LabelledTexts,
    check_separator,
)
from lamina.tasks.many_to_one.data import (
    ExampleData,
    inputs_of,
    read_parts,
    read_source,
    warn_of_missing,
)
from lamina.tasks.many_to_one.inputs import Examples, Inputs

#: Corpora that can be classified, and the role of each of their files.
NAMED = {
    "digits": {},
    "japanese_vowels": {},
    "imdb": {"source": "train", "test": "test"},
    "trec": {"source": "train", "test": "test"},
    "names": {"source": "table"},
}


class ClassifyData(ExampleData, frozen=True, kw_only=True):
    """Where the examples are, how they are read, split and batched, and what a mistake costs."""

    corpora = NAMED

    source: Annotated[
        str,
        Meta(
            description=f"A table ({', '.join(TABLES.suffixes)}), sequences "
            f"({', '.join(SEQUENCES.suffixes)}), or the name of a corpus "
            f"({', '.join(sorted(NAMED))})."
        ),
    ]
    label: Annotated[str, Meta(description="The column of the label.")] = "label"
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
    #: Szegedy et al. (2016), section 7.
    label_smoothing: Annotated[
        Share,
        Meta(description="The share of probability spread evenly over the labels in training."),
    ] = 0.0
    split_seed: Annotated[
        Natural,
        Meta(
            description="Random seed of the split, which is stratified by label (unless there are "
            "several) and keeps duplicates together."
        ),
    ] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_separator(self.separator)
        if self.separator is None:
            self.without_effect(["threshold"], "where each example has one label (separator=)")


#: Corpora that arrive with other packages, by part.
_PACKAGED = {
    "digits": lambda: {"source": digits()},
    "japanese_vowels": lambda: {
        "source": japanese_vowels("train"),
        "test": japanese_vowels("test"),
    },
}


def refuse_columns(data: ClassifyData, given: Iterable[str]) -> None:
    """Refuse column names for a source that has none to choose from.

    Args:
        data: where the examples are.
        given: the fields of ``data`` that the caller set.

    Raises:
        LaminaError: one of them names columns.
    """
    if not (data.named or SEQUENCES.holds(data.source)):
        return
    for name in sorted({"text", "id", "features", "label"} & set(given)):
        raise LaminaError(
            f"got {name} = {getattr(data, name)!r}; this source has no columns to choose from, so "
            "leave it out",
            place=data.source,
        )


def read(data: ClassifyData) -> tuple[Inputs, dict[str, Examples], dict[str, str]]:
    """The inputs, the examples of each part, and the files' fingerprints.

    Raises:
        LaminaError: a file that cannot be read, with the line; an option without effect.
    """
    fields = msgspec.structs.fields(ClassifyData)
    refuse_columns(data, [f.name for f in fields if getattr(data, f.name) != f.default])
    rows: dict[str, Examples] = {}
    if data.named and data.source in _PACKAGED:
        tables = _PACKAGED[data.source]()
        features = tuple(tables["source"].features)
        inputs = _inputs(data, text=None, id="image", label="class", features=features)
        rows = {part: inputs.rows(table) for part, table in tables.items()}
        fingerprints = {}
    elif data.named:
        inputs = _inputs(data, text="text", label="label")
        for part, role in NAMED[data.source].items():
            rows[part] = inputs.rows(corpus_table(data.source, role))
        fingerprints = {str(path): fingerprint(path) for path in find(data.source).values()}
    else:
        inputs, rows["source"] = read_source(data, _inputs(data))
        warn_of_missing(rows["source"], rows["source"].answers or (), "label")
        fingerprints = {data.source: fingerprint(data.source)}
    parts, others = read_parts(data, inputs, rows, stratify=data.separator is None)
    return inputs, parts, {**fingerprints, **others}


def _inputs(data: ClassifyData, **columns: Any) -> Any:
    data = msgspec.structs.replace(data, **columns)
    return inputs_of(
        data, LabelledTexts, LabelledSequences, label=data.label, separator=data.separator
    )
