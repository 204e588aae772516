"""Where the texts of a language model come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from lamina.data import (
    CORPORA,
    Renumbered,
    TokenisedText,
    Tokens,
    Vocabulary,
    as_shares,
    find,
    shares_left,
    tokenise,
)
from lamina.data.read.decoding import check_encoding
from lamina.data.text.normalize import Level
from lamina.options import Count, NonNegative, Options
from lamina.spec import LaminaError, Part
from lamina.tasks.base import is_corpus
from lamina.tasks.fields import Encoding, MinCount, NormalizeText


class LanguageModelData(Options, frozen=True, kw_only=True):
    """Where the text is and how it is read, split and batched."""

    source: Annotated[
        str | tuple[str, ...],
        Meta(
            description="A text file, or the name of a corpus (timemachine, "
            "tinyshakespeare, wikitext2); several are mixed, and each is also scored "
            "on its own."
        ),
    ]
    weights: Annotated[
        tuple[NonNegative, ...],
        Meta(
            description="Shares of the training tokens, one per source; 0: score it only. An "
            "epoch has as many tokens as all sources that train together. Empty: read "
            "each token about once per epoch."
        ),
    ] = ()
    validation: Annotated[
        str | None, Meta(description="A file with the validation part; None: cut it from source.")
    ] = None
    test: Annotated[
        str | None, Meta(description="A file with the test part; None: cut it from source.")
    ] = None
    encoding: Encoding = None
    fractions: Annotated[
        tuple[float, float, float],
        Meta(
            description="Shares of train, validation and test, by position: the text's start "
            "trains, its end tests. A part with its own file takes none."
        ),
    ] = (0.8, 0.1, 0.1)
    level: Annotated[
        Level,
        Meta(
            description="Tokens: characters, words, or whatever is separated by white space, with "
            "<eos> for each line end (space: for tokenised texts)."
        ),
    ] = "char"
    normalize: NormalizeText = "none"
    max_vocabulary: Annotated[
        Count,
        Meta(
            description="Size of the vocabulary; the most frequent tokens of the training part "
            "are kept."
        ),
    ] = 50_000
    min_count: MinCount = 1
    max_tokens: Annotated[
        Count | None,
        Meta(
            description="Use only this many tokens of the training part (of each source); None: "
            "all."
        ),
    ] = None
    batch_size: Annotated[Count, Meta(description="Columns read in parallel.")] = 32
    steps: Annotated[
        Count, Meta(description="Tokens between truncations of back-propagation through time.")
    ] = 35
    random_offset: Annotated[
        bool,
        Meta(
            description="Skip up to steps tokens at the start, drawn anew each epoch, to move the "
            "truncations.",
            extra={"off": "Start every epoch at the first token."},
        ),
    ] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        as_shares(self.fractions)
        check_encoding(self.encoding)
        if not self.sources:
            raise LaminaError("got no source; need a text file or the name of a corpus")
        if len(set(self.sources)) < len(self.sources):
            twice = next(s for s in self.sources if self.sources.count(s) > 1)
            raise LaminaError(f"got the source {twice!r} twice; give it more weight instead")
        for part in ("validation", "test"):
            if getattr(self, part) is not None and len(self.sources) > 1:
                raise LaminaError(
                    f"got a {part} file for {len(self.sources)} sources, each of which is scored "
                    "by a part of its own; leave it out"
                )
        if self.weights and len(self.weights) != len(self.sources):
            raise LaminaError(
                f"got {len(self.weights)} weights for {len(self.sources)} sources; need one each"
            )
        if self.weights and not any(self.weights):
            raise LaminaError("every weight is 0; need one above 0 to train on")

    @property
    def sources(self) -> tuple[str, ...]:
        """Each source."""
        return (self.source,) if isinstance(self.source, str) else self.source

    def trains(self, number: int) -> bool:
        """Whether the source of that number trains, and counts in the score of the whole."""
        return not self.weights or self.weights[number] > 0


@dataclass(frozen=True)
class Source:
    """One source: its name in scores, and its parts in the numbers of its own files."""

    name: str
    parts: dict[Part, TokenisedText]
    fingerprints: dict[str, str] = field(default_factory=dict)


def read(data: LanguageModelData) -> list[Source]:
    """Every source of ``data``.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    names = _names(data.sources)
    return [_read(data, source, name) for source, name in zip(data.sources, names, strict=True)]


def _read(data: LanguageModelData, source: str, name: str) -> Source:
    paths: dict[str, Path] = {"source": Path(source)}
    if is_corpus(source, CORPORA):
        found = find(source)
        paths = {("source" if role in ("text", "train") else role): p for role, p in found.items()}
    for part in ("validation", "test"):
        if own := getattr(data, part):
            paths[part] = Path(own)
    parts: dict[Part, TokenisedText] = {}
    fingerprints: dict[str, str] = {}
    for role, path in paths.items():
        shares = shares_left(data.fractions, paths) if role == "source" else (1.0, 0.0, 0.0)
        cut, fingerprints[str(path)] = tokenise(
            path, level=data.level, normalize=data.normalize, fractions=shares
        )
        if role == "source":
            parts = {**cut, **parts}
        else:
            parts["validation" if role == "validation" else "test"] = cut["train"]
    return Source(name, parts, fingerprints)


def _names(sources: tuple[str, ...]) -> list[str]:
    """A short name for each source: the file's without what follows the first dot, or the whole
    path where that is not enough to tell two apart."""
    short = [Path(source).name.split(".")[0] for source in sources]
    return [
        name if name and short.count(name) == 1 else source
        for name, source in zip(short, sources, strict=True)
    ]


def vocabulary(data: LanguageModelData, sources: list[Source]) -> Vocabulary:
    """The tokens of all training parts together.

    Raises:
        LaminaError: there is none.
    """
    counts: Counter[str] = Counter()
    for source in sources:
        part = source.parts["train"]
        found = zip(part.tokens, part.counts.tolist(), strict=True)
        counts.update({token: n for token, n in found if n})
    return Vocabulary.from_counts(
        counts,
        level=data.level,
        max_size=data.max_vocabulary,
        min_count=data.min_count,
        normalize=data.normalize,
    )


def renumbered(text: TokenisedText, vocabulary: Vocabulary, most: int | None = None) -> Tokens:
    """The first ``most`` tokens of a text in the numbers of ``vocabulary``.

    A text in memory is looked up at once; one on the disk stays there.
    """
    table = np.fromiter(map(vocabulary.id_of, text.tokens), np.int64, len(text.tokens))
    tokens = Renumbered(text.ids[:most], table)
    return tokens if text.on_disk else tokens[:]


def count(tokens: Tokens, size: int) -> np.ndarray:
    """``(size,)`` int64: how often each token stands in a text."""
    if isinstance(tokens, Renumbered):
        counts = np.zeros(len(tokens.table), np.int64)
        for start in range(0, len(tokens), 1 << 22):
            counts += np.bincount(tokens.ids[start : start + (1 << 22)], minlength=len(counts))
        return np.bincount(tokens.table, weights=counts, minlength=size).astype(np.int64)
    return np.bincount(np.asarray(tokens), minlength=size)
