"""Where the pairs of a translation come from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from lamina.data import PARTS, fill_parts, find, fingerprint
from lamina.data.prepare.split import linked
from lamina.data.read.pairs import read_pair_table, read_pairs
from lamina.data.read.shapes import Pairs
from lamina.options import Count, Natural
from lamina.spec import LaminaError
from lamina.tasks.fields import Encoding, Fractions, SourceData
from lamina.tasks.scores.translation import BleuTokenizer

#: Corpora that can be translated, and their languages; the first two are translated by default.
NAMED = {"multi30k": ("en", "de", "fr"), "fra_eng": ("en", "fr")}


class TranslateData(SourceData, frozen=True, kw_only=True):
    """Where the pairs are and how they are read, split and batched."""

    corpora = NAMED

    source: Annotated[
        str,
        Meta(
            description="A file with one text per line, or with tab-separated pairs, or the name "
            f"of a corpus ({', '.join(NAMED)})."
        ),
    ]
    target: Annotated[
        str | None,
        Meta(description="The file of translations, line by line; None: source holds both."),
    ] = None
    languages: Annotated[
        tuple[str, str] | None,
        Meta(description="Source and target language of a named corpus (en,de)."),
    ] = None
    validation: Annotated[
        tuple[str, ...],
        Meta(
            description="A file of pairs, or two aligned files separated by a comma; empty: split "
            "from source."
        ),
    ] = ()
    test: Annotated[tuple[str, ...], Meta(description="The same for the test part.")] = ()
    encoding: Encoding = None
    fractions: Fractions = (0.8, 0.1, 0.1)
    split_seed: Annotated[
        Natural,
        Meta(
            description="Random seed of the split, which keeps pairs with the same source together."
        ),
    ] = 0
    subwords: Annotated[int, Meta(description="Size of the subword vocabulary.")] = 8000
    joint: Annotated[
        bool,
        Meta(
            description="Share one vocabulary between both languages; otherwise each has one of "
            "that size.",
            extra={"off": "Give each language a vocabulary of its own."},
        ),
    ] = True
    max_tokens: Annotated[Count, Meta(description="Leave out longer pairs in training.")] = 100
    batch_size: Annotated[Count, Meta(description="Pairs per batch.")] = 32
    bleu_tokenizer: Annotated[
        BleuTokenizer,
        Meta(
            description="Sacrebleu's tokenizer for BLEU; zh or char for languages without spaces."
        ),
    ] = "13a"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("validation", "test"):
            if len(getattr(self, name)) > 2:
                raise LaminaError(f"{name} names {len(getattr(self, name))} files; need 1 or 2")
        if self.languages is not None and not self.named:
            raise LaminaError(
                "languages are for the corpora "
                f"{', '.join(NAMED)}; with files, source and target say them"
            )

    @property
    def named(self) -> bool:
        """Whether ``source`` is the name of a corpus; a file of that name goes before it."""
        return self.target is None and super().named

    @property
    def files(self) -> tuple[str, ...]:
        """The files of ``source`` and ``target``."""
        return (self.source,) if self.target is None else (self.source, self.target)


def read(data: TranslateData) -> tuple[dict[str, Pairs], dict[str, str]]:
    """The pairs of each part, and the files' fingerprints.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    parts: dict[str, Pairs] = {}
    files: list[str] = []
    keys: Sequence[Hashable]
    if data.named:
        parts, keys, paths = _corpus(data)
        files += map(str, paths)
    else:
        parts["train"] = read_files(data.files)
        files += data.files
        keys = parts["train"].sources
    for part in ("validation", "test"):
        if own := getattr(data, part):
            parts[part] = read_files(own)
            files += own
    whole = parts.pop("train")
    filled = fill_parts(
        parts, partial(_take, whole), keys, fractions=data.fractions, seed=data.split_seed
    )
    return filled, {file: fingerprint(file) for file in files}


def read_files(paths: tuple[str, ...]) -> Pairs:
    """Pairs from one file of both sides, or from a file of each."""
    return read_pair_table(paths[0]) if len(paths) == 1 else read_pairs(paths[0], paths[1])


def _corpus(data: TranslateData) -> tuple[dict[str, Pairs], Sequence[Hashable], list[Path]]:
    """The parts of a named corpus; what may not be split apart; the files."""
    known = NAMED[data.source]
    into = data.languages or known[:2]
    if len(set(into)) != 2 or not set(into) <= set(known):
        raise LaminaError(
            f"languages are {','.join(into)}; {data.source} has {', '.join(known)}: need two of "
            "them"
        )
    found = find(data.source)
    if data.source == "fra_eng":
        table = read_pair_table(found["pairs"])
        keys: Sequence[Hashable] = table.sources
        if into == ("fr", "en"):
            # A French text stands there with several English ones too: no side is in two parts.
            keys = linked(table.sources, table.targets)
            table = Pairs(table.targets, table.sources, table.places)
        return {"train": table}, keys, [found["pairs"]]
    files = {part: [found[f"{part}.{language}"] for language in into] for part in PARTS}
    parts = {part: read_pairs(*paths) for part, paths in files.items()}
    return parts, parts["train"].sources, [path for paths in files.values() for path in paths]


def _take(pairs: Pairs, index: np.ndarray) -> Pairs:
    columns: list[Any] = [
        [column[i] for i in index] for column in (pairs.sources, pairs.targets, pairs.places)
    ]
    return Pairs(*columns)
