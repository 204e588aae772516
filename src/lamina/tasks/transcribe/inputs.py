"""What a transcriber reads. Kept with the model, so that it can read new data later."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from lamina.data.read.manifest import Manifest, read_manifest
from lamina.data.speech.audio import read_audio
from lamina.data.speech.mel import LogMel
from lamina.spec import LaminaError
from lamina.spec.counted import counted


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
            LaminaError: see :func:`lamina.data.speech.audio.read_audio`; or too short.
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
                f"has {counted(len(samples), 'sample')}; need {need}, which is one frame",
                place=place,
            )
