"""Audio files as samples: the only file that uses soundfile (libsndfile: WAV, FLAC, Ogg, MP3)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.read.files import unreadable
from lamina.spec import LaminaError
from lamina.store.regular import open_regular

#: Plausible sampling rates: anything outside is not a recording of speech.
RATES = 1_000, 768_000


def sampling_rate(path: str | Path) -> int:
    """Samples per second, from the file's header.

    Raises:
        LaminaError: see :func:`read_audio`.
    """
    with _open(path) as file:
        return file.samplerate


def read_audio(path: str | Path, rate: int, *, resample: bool = False) -> np.ndarray:
    """The samples of a file with one channel, ``(N,)`` float32 in -1..1.

    Args:
        path: the file.
        rate: samples per second of the result.
        resample: whether a file of another rate is resampled, by a polyphase filter (scipy),
            instead of refused.

    Raises:
        LaminaError: the file is not audio, is truncated, has several channels, another rate, or a
            sample that is not a finite number.
    """
    place = str(path)
    with _open(path) as file:
        if file.channels != 1:
            raise LaminaError(
                f"got {file.channels} channels; need 1. Mix them, for instance: "
                f"ffmpeg -i {Path(path).name} -ac 1 mono.wav",
                place=place,
            )
        if file.samplerate != rate and not resample:
            raise LaminaError(
                f"got {file.samplerate} samples a second; need {rate}. Convert the file, or allow "
                "resampling: resample=True.",
                place=place,
            )
        # libsndfile reads a truncated WAV and mentions the missing samples only in its log.
        log = str(file.extra_info).splitlines()
        cut = any(line.startswith("data") and "should be" in line for line in log)
        found, promised = file.samplerate, file.frames
        try:
            samples = file.read(dtype="float32")
        except (RuntimeError, MemoryError, ValueError) as error:
            raise _no_audio(place, error) from None
    if cut or len(samples) != promised:
        raise LaminaError(
            "is cut off: its header promises more samples than it holds. Copy it again.",
            place=place,
        )
    if not len(samples):
        raise LaminaError("holds no samples; need speech", place=place)
    if len(bad := np.flatnonzero(~np.isfinite(samples))):
        raise LaminaError(f"sample {bad[0] + 1} is no finite number", place=place)
    if found != rate:
        from scipy.signal import resample_poly  # loads as slowly as torch

        common = math.gcd(found, rate)
        samples = resample_poly(samples, rate // common, found // common)
    return samples.astype(np.float32, copy=False)


def _open(path: str | Path) -> Any:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: libsndfile itself is missing
        raise LaminaError(
            "audio files are read by soundfile, which is not installed. "
            "Install it: pip install 'lamina[speech]'."
        ) from None
    try:
        with open_regular(path) as file:  # to get the system's own error message
            empty = not file.read(1)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if empty:
        raise LaminaError("the file is empty.", place=str(path))
    try:
        opened = soundfile.SoundFile(path)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _no_audio(str(path), error) from None
    if not RATES[0] <= opened.samplerate <= RATES[1]:
        opened.close()
        raise LaminaError(
            f"got {opened.samplerate} samples a second; need {RATES[0]:,} to {RATES[1]:,}",
            place=str(path),
        )
    return opened


def _no_audio(place: str, error: Exception) -> LaminaError:
    what = " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")[:120]
    return LaminaError(
        f"is no audio that can be read ({what}). Need WAV, FLAC, Ogg or MP3, whole.", place=place
    )
