"""Where the sentences of a sequence labelling come from."""

from __future__ import annotations

import warnings
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from lamina.data import PARTS, fill_parts, find, fingerprint
from lamina.data.read.decoding import decoding
from lamina.data.read.formats.conll import is_conllu
from lamina.data.read.registry import SENTENCES
from lamina.data.read.sentences import Sentence, SentenceFormat, paragraphs
from lamina.data.text.span_schemes import Matching, SpanScheme
from lamina.options import Count
from lamina.spec import LaminaError, LaminaWarning
from lamina.tasks.fields import Encoding, Fractions, SourceData, SplitSeed, Test, Validation
from lamina.tasks.tag.inputs import FORMATS, GivenFormat, TagInputs

#: Corpora that can be labelled, and how they are read.
NAMED: dict[str, TagInputs] = {
    "conll2003": TagInputs(format="columns", label="4"),
    "wnut17": TagInputs(format="columns", label="2"),
    "ud_english_ewt": TagInputs(format="conllu", label="upos"),
    "protein_ss3": TagInputs(format="fasta", label="labels"),
}


class TagData(SourceData, frozen=True, kw_only=True):
    """Where the sentences are and how they are read, split and batched."""

    corpora = NAMED

    source: Annotated[
        str,
        Meta(description=f"A file, or the name of a corpus ({', '.join(NAMED)})."),
    ]
    format: Annotated[
        GivenFormat,
        Meta(
            description="Words in columns, CoNLL-U, or residues in FASTA; auto: by the file's name."
        ),
    ] = "auto"
    word: Annotated[
        int, Meta(description="The column of the word, counted from 1; for columns only.")
    ] = 1
    label: Annotated[
        str | None,
        Meta(
            description="The column of the label: a number, -1 for the last; for CoNLL-U upos or "
            "xpos; for FASTA the file of labels. None: the last column, or upos."
        ),
    ] = None
    mask: Annotated[
        str | None,
        Meta(
            description="A FASTA file with 1 for residues that count, 0 for others; None: all "
            "count."
        ),
    ] = None
    validation: Validation = None
    test: Test = None
    encoding: Encoding = None
    fractions: Fractions = (0.8, 0.1, 0.1)
    split_seed: SplitSeed = 0
    scheme: Annotated[
        SpanScheme | None, Meta(description="Convert span labels to this scheme; None: keep them.")
    ] = None
    matching: Annotated[
        Matching,
        Meta(
            description="How to read spans from labels for scoring: conlleval accepts labels that "
            "break the scheme, strict does not."
        ),
    ] = "conlleval"
    lower: Annotated[
        bool,
        Meta(
            description="Look words up in lower case; their characters keep their case.",
            extra={"off": "Look words up case-sensitively."},
        ),
    ] = True
    digits: Annotated[
        bool,
        Meta(
            description="Look words up with 0 for every digit.",
            extra={"off": "Look words up with their digits."},
        ),
    ] = True
    max_vocabulary: Annotated[
        Annotated[int, Meta(ge=2)],
        Meta(
            description="Size of the vocabulary, <unk> included; the most frequent words are kept."
        ),
    ] = 50_000
    min_count: Annotated[
        Count, Meta(description="Words seen less often in the training part are read as unknown.")
    ] = 1
    batch_size: Annotated[Count, Meta(description="Sentences per batch.")] = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        inputs = self.inputs()
        if self.named:
            own = {"format": self.format != "auto", "word": self.word != 1, "mask": self.mask}
            own["label"] = inputs.residues and self.label
            for name in (name for name, given in own.items() if given):
                raise LaminaError(
                    f"got {name} = {getattr(self, name)!r}; {self.source} is read as it is known, "
                    "so leave it out"
                )
        if self.word != 1 and not FORMATS[inputs.format].word_column:
            raise LaminaError(f"word is {self.word}; only files in columns have a choice")
        if not inputs.residues and self.mask is not None:
            raise LaminaError(f"got mask {self.mask!r}; only FASTA files have one")
        if inputs.residues and (self.validation or self.test):
            raise LaminaError(
                "the parts of FASTA files are given in the headers of the labels (SET=train, "
                "SET=validation, SET=test); leave validation and test out"
            )

    def inputs(self) -> TagInputs:
        """How the files are read."""
        if self.named:
            known = NAMED[self.source]
            if self.label is None or known.residues:
                return known
            return msgspec.structs.replace(known, label=self.label)
        kind = format_of(self) if self.format == "auto" else FORMATS[self.format]
        label = kind.default_label if self.label is None else self.label
        return TagInputs(format=kind.name, word=self.word, label=label)


def format_of(data: TagData) -> SentenceFormat:
    """The format of the source, by its name; CoNLL-U under another name by its columns, unless the
    column of the word is given."""
    kind = SENTENCES.find(data.source)
    if not kind.word_column or data.word != 1 or not Path(data.source).is_file():
        return kind
    with warnings.catch_warnings(), decoding(data.encoding):
        warnings.simplefilter("ignore")  # what is noted is noted when the file is read
        universal = is_conllu(list(islice(paragraphs(data.source), 50)))
    return FORMATS["conllu"] if universal else kind


def read(data: TagData) -> tuple[dict[str, list[Sentence]], dict[str, str]]:
    """The sentences of each part, and the files' fingerprints.

    Raises:
        LaminaError: a file that cannot be read, with the line; a part that is left empty.
    """
    inputs, mask = data.inputs(), data.mask
    if (
        not data.named
        and data.format == "auto"
        and inputs.format != SENTENCES.find(data.source).name
    ):
        warnings.warn(
            LaminaWarning(f"{data.source}: has the ten columns of CoNLL-U, and is read so."),
            stacklevel=2,
        )
    if data.named:
        found = find(data.source)
        if inputs.residues:
            inputs = msgspec.structs.replace(inputs, label=str(found["labels"]))
            mask = str(found["mask"])
            roles = {"source": str(found["sequences"])}
        else:
            roles = {"source" if r == "train" else r: str(path) for r, path in found.items()}
    else:
        roles = {"source": data.source}
    given = {"validation": data.validation, "test": data.test}
    roles |= {part: path for part, path in given.items() if path is not None}
    beside = (inputs.label, mask) if inputs.residues else ()
    files = [*roles.values(), *(path for path in beside if path is not None)]
    parts = {role: inputs.read(path, mask=mask) for role, path in roles.items()}
    source = parts.pop("source")
    for part in PARTS[1:]:
        if own_part := [sentence for sentence in source if sentence.part == part]:
            parts[part] = own_part
    source = [sentence for sentence in source if sentence.part in (None, "train")]
    parts = _split(data, source, parts)
    return parts, {path: fingerprint(path) for path in files}


def _split(
    data: TagData, source: list[Sentence], parts: dict[str, list[Sentence]]
) -> dict[str, list[Sentence]]:
    """All three parts: those that are not there already come from ``source``."""
    keys = [s.words if isinstance(s.words, str) else tuple(s.words) for s in source]
    return fill_parts(
        parts,
        lambda rows: [source[i] for i in rows],
        keys,
        fractions=data.fractions,
        seed=data.split_seed,
    )


def which_count(sentence: Sentence) -> np.ndarray:
    """``(T,)`` bool: which of its labels count."""
    if sentence.counted is None:
        return np.ones(len(sentence.words), dtype=bool)
    return np.array(sentence.counted, dtype=bool)
