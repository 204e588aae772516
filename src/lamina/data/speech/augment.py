"""Speech made a little different each time it is trained on, in its log-mel features."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from lamina.data.prepare.standardize import Standardizer
from lamina.spec import LaminaError

#: A decibel in the natural logarithm of a power.
_DECIBEL = math.log(10) / 10
#: A time mask covers at most this share of a recording: Park et al. (2019), p of section 2.
_MOST_MASKED = 0.2


class SpeechAugmentation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How recordings are changed in training; each value is drawn anew every time.

    speed:           faster or slower by up to this share: frames between frames, which keeps the
                     pitch (after Ko et al. 2015, whose resampling changes it too).
    warp:            frequencies higher or lower by up to this share of the mel scale, as of a
                     shorter or longer vocal tract (after Jaitly and Hinton 2013).
    gain_db:         louder or softer by up to so many decibels.
    noise:           standard deviation of Gaussian noise on the standardised features.
    time_masks:      stretches of frames set to the mean (SpecAugment, Park et al. 2019).
    time_mask:       most frames in one of them, and never more than a fifth of a recording.
    frequency_masks: bands of bins set to the mean, likewise.
    frequency_mask:  most bins in one of them.
    """

    speed: float = 0.1
    warp: float = 0.1
    gain_db: float = 6.0
    noise: float = 0.1
    time_masks: int = 2
    time_mask: int = 10
    frequency_masks: int = 2
    frequency_mask: int = 6

    def __post_init__(self) -> None:
        for name in SpeechAugmentation.__struct_fields__:
            value = getattr(self, name)
            most = 0.5 if name in ("speed", "warp") else 1000
            if not 0 <= value <= most:
                raise LaminaError(f"{name} is {value}; need 0 to {most}")

    def __call__(
        self, frames: np.ndarray, scale: Standardizer, least: int, rng: np.random.Generator
    ) -> np.ndarray:
        """``frames`` ``(T, I)`` of one recording, changed and standardised: ``(T', I)`` float32.

        least: never fewer frames than this; a draw that would give fewer keeps ``T``.
        """
        steps, bins = frames.shape
        wanted = round(steps * rng.uniform(1 - self.speed, 1 + self.speed))
        factor = rng.uniform(1 - self.warp, 1 + self.warp)
        gain = _DECIBEL * rng.uniform(-self.gain_db, self.gain_db)
        frames = _between(frames, np.linspace(0, steps - 1, wanted if wanted >= least else steps))
        frames = _between(frames.T, np.minimum(np.arange(bins) * factor, bins - 1)).T
        x = scale(frames + gain)
        x += self.noise * rng.standard_normal(x.shape, dtype=np.float32)
        for count, most, axis in (
            (self.time_masks, min(self.time_mask, int(_MOST_MASKED * len(x))), x),
            (self.frequency_masks, min(self.frequency_mask, bins), x.T),
        ):
            for _ in range(count):
                width = rng.integers(0, most + 1)
                start = rng.integers(0, len(axis) - width + 1)
                axis[start : start + width] = 0.0
        return x


def _between(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Rows at fractional positions, by linear interpolation: ``(len(positions), ...)``."""
    low = np.minimum(positions.astype(np.int64), max(len(rows) - 2, 0))
    high = np.minimum(low + 1, len(rows) - 1)
    share = (positions - low)[:, None].astype(rows.dtype)
    return rows[low] * (1 - share) + rows[high] * share
