"""Log-mel features of speech, of a whole recording or as it arrives: the one file that knows
kaldi-native-fbank.
"""

from __future__ import annotations

import msgspec
import numpy as np

from lamina.data.speech.audio import RATES
from lamina.spec import LaminaError

#: Kaldi's scale of samples: 16-bit whole numbers. It matters for the floor of the logarithm only.
_SCALE = 32768.0


class LogMel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The logarithm of the energy in bands of the mel scale, as Kaldi computes it: no dither, and
    no frame that reaches over an end of the recording, so that a stream gives the same frames.

    rate:      samples a second.
    bins:      bands ``I``.
    window_ms: length of a frame.
    step_ms:   from the start of a frame to the start of the next.

    Raises:
        LaminaError: values that give no features.
    """

    rate: int
    bins: int = 40
    window_ms: float = 25.0
    step_ms: float = 10.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("rate", *RATES),
            ("bins", 3, 1000),
            ("window_ms", 1, 1000),
            ("step_ms", 1, 1000),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise LaminaError(f"{name} is {value:g}; need {least:,} to {most:,}")

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples ``(N,)`` in -1..1 -> frames ``(T, I)`` float32; ``T`` is 0 for a recording that
        is shorter than a frame."""
        return self.stream().feed(samples)

    def stream(self) -> MelStream:
        """Frames of a recording that arrives in pieces."""
        return MelStream(self)


class MelStream:
    """The frames of one recording, each as soon as its last sample is there."""

    def __init__(self, kind: LogMel):
        try:
            import kaldi_native_fbank as kaldi
        except ImportError:
            raise LaminaError(
                "the features of speech come from kaldi-native-fbank, which is not installed. "
                "Install it: pip install 'lamina[speech]'."
            ) from None
        options = kaldi.FbankOptions()
        options.frame_opts.samp_freq = kind.rate
        options.frame_opts.frame_length_ms = kind.window_ms
        options.frame_opts.frame_shift_ms = kind.step_ms
        options.frame_opts.dither = 0.0
        options.frame_opts.snip_edges = True
        options.mel_opts.num_bins = kind.bins
        try:
            self._bank = kaldi.OnlineFbank(options)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise LaminaError(
                f"{kind.bins} bins over windows of {kind.window_ms:g} ms at {kind.rate} samples a "
                f"second give no features ({' '.join(str(error).split())[:120]})"
            ) from None
        self._kind, self._given = kind, 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """The frames ``(T, I)`` float32 that the next samples ``(N,)`` complete, perhaps none."""
        if len(samples):
            self._bank.accept_waveform(self._kind.rate, (samples * np.float32(_SCALE)).tolist())
        ready = self._bank.num_frames_ready
        frames = np.empty((ready - self._given, self._kind.bins), np.float32)
        for row, index in enumerate(range(self._given, ready)):
            frames[row] = self._bank.get_frame(index)
        self._bank.pop(len(frames))
        self._given = ready
        return frames
