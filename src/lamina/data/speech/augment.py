"""Data augmentation for speech, applied to log-mel features."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from msgspec import Meta

from lamina.data.prepare.standardize import Standardizer
from lamina.options import Options

#: One decibel, as a difference of natural logarithms of power.
_DECIBEL = math.log(10) / 10
#: A time mask covers at most this share of a recording: Park et al. (2019), p of section 2.
_MOST_MASKED = 0.2

Stretch = Annotated[float, Meta(ge=0, le=0.5)]
Amount = Annotated[float, Meta(ge=0, le=1000)]
Number = Annotated[int, Meta(ge=0, le=1000)]


class SpeechAugmentation(Options, frozen=True, kw_only=True):
    """How recordings are changed in training; each value is drawn anew every time."""

    #: After Ko et al. (2015), whose resampling changes the pitch too.
    speed: Annotated[
        Stretch, Meta(description="Change the speed by up to this share, at the same pitch.")
    ] = 0.1
    #: After Jaitly and Hinton (2013).
    warp: Annotated[
        Stretch,
        Meta(
            description="Shift frequencies by up to this share of the mel scale, like a shorter or "
            "longer vocal tract."
        ),
    ] = 0.1
    gain_db: Annotated[
        Amount, Meta(description="Change the volume by up to this many decibels.")
    ] = 6.0
    noise: Annotated[
        Amount,
        Meta(
            description="Standard deviation of the Gaussian noise added to the standardised "
            "features."
        ),
    ] = 0.1
    #: Park et al. (2019), as ``frequency_masks``.
    time_masks: Annotated[
        Number, Meta(description="Spans of frames set to the mean (SpecAugment).")
    ] = 2
    time_mask: Annotated[
        Number,
        Meta(
            description="Longest such span in frames, and never more than a fifth of a recording."
        ),
    ] = 10
    frequency_masks: Annotated[
        Number, Meta(description="Bands of bins set to the mean (SpecAugment).")
    ] = 2
    frequency_mask: Annotated[Number, Meta(description="Widest such band in bins.")] = 6

    def __call__(
        self, frames: np.ndarray, scale: Standardizer, least: int, rng: np.random.Generator
    ) -> np.ndarray:
        """``frames`` ``(T, I)`` of one recording, augmented and standardised: ``(T', I)`` float32.

        Args:
            frames: log-mel features.
            scale: standardises them.
            least: minimum number of frames; a draw that would give fewer keeps ``T``.
            rng: the source of randomness.
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
