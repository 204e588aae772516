"""Log-mel features of speech, for a whole recording or a stream: the only file that uses
kaldi-native-fbank."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta

from lamina.data.speech.audio import RATES
from lamina.options import Options
from lamina.spec import LaminaError

#: Kaldi's scale of samples: 16-bit integers. It only affects the floor of the logarithm.
_SCALE = 32768.0


Milliseconds = Annotated[float, Meta(ge=1, le=1000)]


class LogMel(Options, frozen=True, kw_only=True):
    """The logarithm of the energy in mel bands, as computed by Kaldi: without dither, and without
    frames that extend beyond the recording, so that a stream gives the same frames.

    Attributes:
        rate: samples per second.
        bins: bands ``I``.
        window_ms: length of a frame.
        step_ms: from the start of a frame to the start of the next.

    Raises:
        LaminaError: the values give no features.
    """

    rate: Annotated[int, Meta(ge=RATES[0], le=RATES[1])]
    bins: Annotated[int, Meta(ge=3, le=1000)] = 40
    window_ms: Milliseconds = 25.0
    step_ms: Milliseconds = 10.0

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples ``(N,)`` in -1..1 -> frames ``(T, I)`` float32; ``T`` is 0 for a recording
        shorter than a frame."""
        return self.stream().feed(samples)

    def stream(self) -> MelStream:
        """Compute the frames of a recording that arrives in pieces."""
        return MelStream(self)


class MelStream:
    """The frames of one recording, each available as soon as its last sample has arrived."""

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
        """The frames ``(T, I)`` float32 completed by the next samples ``(N,)``, possibly none."""
        if len(samples):
            self._bank.accept_waveform(self._kind.rate, (samples * np.float32(_SCALE)).tolist())
        ready = self._bank.num_frames_ready
        frames = np.empty((ready - self._given, self._kind.bins), np.float32)
        for row, index in enumerate(range(self._given, ready)):
            frames[row] = self._bank.get_frame(index)
        self._bank.pop(len(frames))
        self._given = ready
        return frames
