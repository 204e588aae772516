"""A text as numbers, computed once and read from disk, however long it is.

The numbers are specific to the file: tokens are numbered by first appearance. A vocabulary is
applied later, so that other limits of a vocabulary, or other texts next to this one, do not require
reading it again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from lamina.data.cache.arrays import ArrayFile, ArraySpec, CountFile, open_array
from lamina.data.cache.build import OnProgress, cached
from lamina.data.cache.encoder import Characters, Encoder, Words, by_position
from lamina.data.prepare.split import PARTS
from lamina.data.prepare.split_text import cut_points, windows
from lamina.data.read.files import text_chunks
from lamina.data.text.normalize import Level, Normalize, Normalizer
from lamina.spec import LaminaError, Part

#: Format version of the files below; other versions are rebuilt.
FORMAT = 2

_ABOUT, _TOKENS = "about.json", "tokens.json"


@dataclass(frozen=True)
class TokenisedText:
    """A part of a text.

    Attributes:
        tokens: the token of each number; the same list for all parts of a file.
        ids: ``(T,)``, unsigned, of the smallest sufficient type.
        counts: ``(len(tokens),)`` int64, occurrences in this part.
        on_disk: whether ``ids`` is memory-mapped.
    """

    tokens: Sequence[str]
    ids: np.ndarray
    counts: np.ndarray
    on_disk: bool


class _About(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    source: str
    arrays: dict[str, ArraySpec]


def tokenise(
    path: str | Path,
    *,
    level: Level,
    normalize: Normalize,
    fractions: tuple[float, float, float] = (1.0, 0.0, 0.0),
    compose: bool = True,
) -> tuple[dict[Part, TokenisedText], str]:
    """The parts of a text file (also ``.gz``) by name, and the file's fingerprint.

    The file is cut by position as described in :func:`lamina.data.prepare.split_text.cut_points`;
    then each part is normalised and tokenised. Memory is bounded by the number of distinct tokens.
    The result for a large file is stored in the cache (see
    :func:`lamina.store.cache.cache_folder`), keyed by the file's content and everything the result
    depends on.

    Raises:
        LaminaError: the file cannot be read (the message names the line), or the cache cannot be
            written.
    """
    depends = {
        "format": FORMAT,
        "level": level,
        "normalize": normalize,
        "fractions": fractions,
        "compose": compose,
        "unicode": unicodedata.unidata_version,
    }
    return cached(
        path,
        "texts",
        depends,
        lambda folder, on_progress: _build(
            path,
            folder,
            lambda: Normalizer(normalize, level, compose=compose),
            level,
            fractions,
            on_progress,
        ),
        _open,
    )


def _build(
    path: str | Path,
    folder: Path,
    normalizer: Callable[[], Normalizer],
    level: Level,
    fractions: tuple[float, float, float],
    on_progress: OnProgress,
) -> None:
    """Write the files that :func:`_open` reads to ``folder``."""

    def chunks(doing: str) -> Iterator[str]:
        return text_chunks(path, lambda done: on_progress(doing, done))

    ends = None
    if fractions[0] < 1:
        length = sum(map(len, chunks("measuring")))
        ends = cut_points(length, fractions, lambda spans: windows(chunks("cutting"), spans))
    numbers = Characters() if level == "char" else Words(level)
    files = [CountFile(folder / f"{part}.bin") for part in PARTS]
    encoders = [Encoder(file, numbers, normalizer()) for file in files]
    for part, text in by_position(chunks("reading"), ends):
        encoders[part].add(text)
    for encoder in encoders:
        encoder.end()
    arrays = {f"{part}.bin": file.close() for part, file in zip(PARTS, files, strict=True)}
    for part, encoder in zip(PARTS, encoders, strict=True):
        counts = ArrayFile(folder / f"{part}-counts.bin", "<i8")
        counts.add(encoder.counts(len(numbers.tokens)))
        arrays[f"{part}-counts.bin"] = counts.close()
    (folder / _TOKENS).write_bytes(msgspec.json.encode(numbers.tokens))
    (folder / _ABOUT).write_bytes(msgspec.json.encode(_About(FORMAT, str(path), arrays)))


def _open(folder: Path, stays: bool) -> dict[Part, TokenisedText]:
    """The parts written by :func:`_build`.

    Raises:
        LaminaError: the folder is damaged.
    """
    try:
        about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_About)
        tokens = msgspec.json.decode((folder / _TOKENS).read_bytes(), type=list[str])
        found = {name: open_array(folder / name, form) for name, form in about.arrays.items()}
        parts: dict[Part, TokenisedText] = {
            part: TokenisedText(tokens, found[f"{part}.bin"], found[f"{part}-counts.bin"], True)
            for part in PARTS
        }
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise LaminaError(f"is damaged ({error}); delete it", place=str(folder)) from None
    return parts if stays else {part: _loaded(text) for part, text in parts.items()}


def _loaded(text: TokenisedText) -> TokenisedText:
    return replace(text, ids=np.array(text.ids), counts=np.array(text.counts), on_disk=False)
