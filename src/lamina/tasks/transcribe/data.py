"""Where the recordings of a transcription come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from lamina.data import PARTS, as_shares, fill_parts, fingerprint
from lamina.data.cache.features import cached_features
from lamina.data.read.decoding import check_encoding
from lamina.data.read.manifest import Manifest, read_manifest
from lamina.data.speech.audio import sampling_rate
from lamina.data.speech.augment import SpeechAugmentation
from lamina.data.speech.mel import LogMel
from lamina.data.text.normalize import Level
from lamina.options import Count, Natural
from lamina.spec import LaminaError
from lamina.tasks.fields import Encoding, Fractions, NormalizeText
from lamina.tasks.transcribe.inputs import SpeechInputs

T = TypeVar("T")


class TranscribeData(SpeechAugmentation, frozen=True, kw_only=True):
    """Where the recordings are and how they are read, split, batched, and changed in training."""

    source: Annotated[str, Meta(description="A manifest: a table with one recording per row.")]
    audio: Annotated[
        str,
        Meta(
            description="The column of the audio file (WAV, FLAC, Ogg, MP3), relative to the "
            "manifest."
        ),
    ] = "audio"
    text: Annotated[str, Meta(description="The column of the transcript.")] = "text"
    speaker: Annotated[
        str | None,
        Meta(
            description="The column of the speaker; each speaker's recordings then stay in one "
            "part."
        ),
    ] = None
    split: Annotated[
        str | None, Meta(description="The column of the part: train, validation or test.")
    ] = None
    validation: Annotated[
        str | None,
        Meta(description="A manifest with the validation part; None: split it from source."),
    ] = None
    test: Annotated[
        str | None, Meta(description="A manifest with the test part; None: split it from source.")
    ] = None
    encoding: Encoding = None
    fractions: Fractions = (0.8, 0.1, 0.1)
    split_seed: Annotated[Natural, Meta(description="Random seed of the split.")] = 0
    level: Annotated[Level, Meta(description="Tokens: characters or words.")] = "char"
    normalize: NormalizeText = "lower"
    rate: Annotated[
        int | None, Meta(description="Samples per second; None: as in the first recording.")
    ] = None
    resample: Annotated[
        bool, Meta(description="Resample recordings of another rate instead of refusing them.")
    ] = False
    bins: Annotated[int, Meta(description="Mel bands per frame.")] = 40
    window_ms: Annotated[float, Meta(description="Length of a frame.")] = 25.0
    step_ms: Annotated[float, Meta(description="Time between the starts of two frames.")] = 10.0
    batch_size: Annotated[Count, Meta(description="Recordings per batch.")] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        as_shares(self.fractions)
        check_encoding(self.encoding)
        if self.split is not None and (self.validation or self.test or self.speaker):
            raise LaminaError(
                "split= names the part of every row; need it without speaker=, validation=, test="
            )

    @property
    def augmentation(self) -> SpeechAugmentation:
        """The part that says how recordings are changed in training."""
        names = SpeechAugmentation.__struct_fields__
        return SpeechAugmentation(**{name: getattr(self, name) for name in names})


class Recordings:
    """The recordings of one part: their frames, on disk and mapped into memory, and their texts.

    Raises:
        LaminaError: an audio file that cannot be used, with the manifest's line.
    """

    def __init__(self, manifest: Manifest, inputs: SpeechInputs):
        self.manifest = manifest
        files = list(zip(manifest.places, manifest.audio, strict=True))
        self.digests = [_at(place, fingerprint, path) for place, path in files]

        def compute(i: int) -> np.ndarray:
            place, path = files[i]
            return inputs.features(_at(place, inputs.samples, path))

        key = [msgspec.to_builtins(inputs.features), inputs.resample, self.digests]
        self.frames = cached_features(key, len(files), inputs.features.bins, compute)

    def __len__(self) -> int:
        return len(self.manifest.audio)

    @property
    def texts(self) -> list[str]:
        """What is said in each."""
        return self.manifest.texts or []


def _at(place: str, do: Callable[[Path], T], path: Path) -> T:
    """``do(path)``; an error names the manifest's line too."""
    try:
        return do(path)
    except LaminaError as error:
        raise LaminaError(f"{error.place or path}: {error.message}", place=place) from None


def read(data: TranscribeData) -> tuple[SpeechInputs, dict[str, Manifest], dict[str, str]]:
    """The inputs, the manifest of each part, and the fingerprints of the manifests.

    Raises:
        LaminaError: a manifest that cannot be read, with the line.
    """
    columns = {"audio": data.audio, "text": data.text}
    whole = read_manifest(data.source, **columns, speaker=data.speaker, split=data.split)
    parts = {
        part: read_manifest(path, **columns)
        for part in ("validation", "test")
        if (path := getattr(data, part))
    }
    fingerprints = {
        path: fingerprint(path) for path in (data.source, data.validation, data.test) if path
    }
    if whole.parts is not None:
        split = {part: [i for i, p in enumerate(whole.parts) if p == part] for part in PARTS}
        if not split["train"]:
            raise LaminaError(f"column {data.split!r} has no row 'train'", place=data.source)
        manifests = {part: whole.take(rows) for part, rows in split.items()}
    else:
        manifests = fill_parts(
            parts,
            lambda rows: whole.take(rows.tolist()),
            whole.speakers or [str(path) for path in whole.audio],
            fractions=data.fractions,
            seed=data.split_seed,
        )
    rate = (
        data.rate if data.rate is not None else _at(whole.places[0], sampling_rate, whole.audio[0])
    )
    features = LogMel(rate=rate, bins=data.bins, window_ms=data.window_ms, step_ms=data.step_ms)
    features.stream()  # values that give no features are refused here
    return (
        SpeechInputs(**columns, features=features, resample=data.resample),
        manifests,
        fingerprints,
    )
