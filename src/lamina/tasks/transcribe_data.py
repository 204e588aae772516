"""Where the recordings of a transcription come from, and their batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import torch

from lamina.data import as_shares, fingerprint, split_rows
from lamina.data.audio import read_audio, sampling_rate
from lamina.data.augment import SpeechAugmentation
from lamina.data.batches import Batches, buckets, padded
from lamina.data.kept_features import kept_features
from lamina.data.manifest import Manifest, read_manifest
from lamina.data.mel import LogMel
from lamina.data.split import PARTS
from lamina.data.standardize import Standardizer
from lamina.data.vocabulary import Level, Normalize
from lamina.spec import Batch, LaminaError
from lamina.tasks.ctc import frames_needed

T = TypeVar("T")

#: The most often that a network may halve the frames; batches keep enough of them for that.
MOST_HALVINGS = 3


class TranscribeData(SpeechAugmentation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the recordings are and how they are read, split, batched, and changed in training.

    source:     a manifest: a CSV, TSV or JSONL file with a recording a row.
    audio:      the column of the audio file (WAV, FLAC, Ogg, MP3), relative to the manifest.
    text:       the column of what is said.
    speaker:    the column of who says it; a speaker's recordings then stay in one part.
    split:      the column of the part: ``train``, ``validation`` or ``test``.
    validation: a manifest with the validation part; ``None``: split from ``source``.
    test:       a manifest with the test part; ``None``: split from ``source``.
    fractions:  shares of train, validation and test; a part with a file of its own takes none.
    split_seed: of the split.
    level:      tokens are characters or words.
    normalize:  of the text, before it is cut into tokens.
    rate:       samples a second; ``None``: those of the first recording.
    resample:   resample a recording of another rate, in place of refusing it.
    bins:       bands of the mel scale in a frame.
    window_ms:  length of a frame.
    step_ms:    from the start of a frame to the start of the next.
    batch_size: recordings in a batch.
    """

    source: str
    audio: str = "audio"
    text: str = "text"
    speaker: str | None = None
    split: str | None = None
    validation: str | None = None
    test: str | None = None
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    split_seed: int = 0
    level: Level = "char"
    normalize: Normalize = "lower"
    rate: int | None = None
    resample: bool = False
    bins: int = 40
    window_ms: float = 25.0
    step_ms: float = 10.0
    batch_size: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        as_shares(self.fractions)
        if self.batch_size < 1:
            raise LaminaError(f"batch_size is {self.batch_size}; need at least 1")
        if self.split is not None and (self.validation or self.test or self.speaker):
            raise LaminaError(
                "split= names the part of every row; need it without speaker=, validation=, test="
            )

    @property
    def augmentation(self) -> SpeechAugmentation:
        """The part that says how recordings are changed in training."""
        names = SpeechAugmentation.__struct_fields__
        return SpeechAugmentation(**{name: getattr(self, name) for name in names})


class SpeechInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a transcriber reads; kept with the model.

    audio:    the manifest's column of the audio file.
    text:     its column of what is said.
    features: how samples become frames.
    resample: whether a recording of another rate is resampled.
    """

    audio: str
    text: str
    features: LogMel
    resample: bool = False

    def manifest(self, path: str | Path, *, labelled: bool = True) -> Manifest:
        """The recordings of a manifest; without their texts if not ``labelled``."""
        return read_manifest(path, audio=self.audio, text=self.text if labelled else None)

    def samples(self, path: str | Path) -> np.ndarray:
        """A recording, long enough for a frame: ``(N,)`` float32.

        Raises:
            LaminaError: see :func:`lamina.data.audio.read_audio`; or too short.
        """
        kind = self.features
        samples = read_audio(path, kind.rate, resample=self.resample)
        self.check_length(samples, str(path))
        return samples

    def check_length(self, samples: np.ndarray, place: str) -> None:
        """Refuse what is shorter than a frame."""
        need = int(self.features.rate * self.features.window_ms / 1000)
        if len(samples) < need:
            raise LaminaError(
                f"has {len(samples)} samples; need {need}, which is one frame", place=place
            )


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
        self.frames = kept_features(key, len(files), inputs.features.bins, compute)

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
    else:
        left = [0.0 if p in parts else x for p, x in zip(PARTS, data.fractions, strict=True)]
        shares = tuple(share / sum(left) for share in left)
        keys = whole.speakers or [str(path) for path in whole.audio]
        found = split_rows(keys, None, fractions=shares, seed=data.split_seed)
        split = {part: getattr(found, part).tolist() for part in PARTS}
    manifests = {part: parts.get(part) or whole.take(split[part]) for part in PARTS}
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


class SpeechBatches(Batches):
    """Recordings of like length together.

    A batch has ``inputs`` ``(T, B, I)`` float32, standardised; ``lengths``; ``targets`` ``(S,)``
    int64, the tokens of all members one after the other; ``more["target_lengths"]`` ``(B,)``; and
    ``index``.

    augmentation: how each recording is changed, from a generator of its own by ``(seed, epoch)``
                  and its position; ``None``: not at all.
    """

    def __init__(
        self,
        frames: Sequence[np.ndarray],
        tokens: Sequence[np.ndarray],
        scale: Standardizer,
        *,
        batch_size: int,
        augmentation: SpeechAugmentation | None = None,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
    ):
        self._frames, self._tokens, self._scale = frames, tokens, scale
        self._augmentation, self._seed, self._epoch = augmentation, seed, epoch
        lengths = np.array([len(x) for x in frames], np.int64)
        self._members = buckets(
            lengths, batch_size=batch_size, shuffle=shuffle, seed=seed, epoch=epoch
        )

    def __len__(self) -> int:
        return len(self._members)

    def _batch(self, k: int) -> Batch:
        members = self._members[k]
        sequences = [self._sequence(int(i)) for i in members]
        lengths = np.array([len(x) for x in sequences], np.int64)
        tokens = [self._tokens[i] for i in members]
        return Batch(
            inputs=padded(sequences, lengths),
            targets=torch.from_numpy(np.concatenate(tokens)),
            lengths=None if lengths.min() == lengths.max() else torch.from_numpy(lengths),
            index=torch.from_numpy(members),
            more={"target_lengths": torch.tensor([len(t) for t in tokens])},
        )

    def _sequence(self, i: int) -> np.ndarray:
        if self._augmentation is None:
            return self._scale(self._frames[i])
        rng = np.random.default_rng([self._seed, self._epoch, i])
        least = max(frames_needed(self._tokens[i]), 1) * 2**MOST_HALVINGS
        return self._augmentation(self._frames[i], self._scale, least, rng)
