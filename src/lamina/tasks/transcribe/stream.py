"""Speech to text while it is spoken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.data.speech.mel import MelStream
from lamina.spec import LaminaError
from lamina.tasks.decode.ctc import CTCDecoder


class TranscriptStream:
    """Transcribes one recording that arrives in pieces. It carries all the state that takes: the
    samples of an unfinished frame, the network's state, and the decoder. After the last piece the
    text is that of the whole recording.

    >>> stream = model.stream()                                # doctest: +SKIP
    >>> for samples in microphone:                             # doctest: +SKIP
    ...     print(stream.feed(samples))

    Args:
        frames:  turns samples into frames ``(T, I)``.
        score:   frames and the network's state (``None`` at the start) -> log-probabilities
            ``(T', V)`` and the next state.
        decoder: turns log-probabilities into tokens.
        text:    turns tokens into text.
    """

    def __init__(
        self,
        frames: MelStream,
        score: Callable[[np.ndarray, Any], tuple[np.ndarray, Any]],
        decoder: CTCDecoder,
        text: Callable[[list[int]], str],
    ):
        self._frames, self._score, self._decoder, self._text = frames, score, decoder, text
        self._state: Any = None

    def feed(self, samples: np.ndarray) -> str:
        """Read the next samples ``(N,)`` in -1..1, at the model's rate; the text so far. With a
        beam wider than 1, later samples may still change it.

        Raises:
            LaminaError: anything but a row of finite numbers.
        """
        frames = self._frames.feed(checked(samples))
        if len(frames):
            log_probs, self._state = self._score(frames, self._state)
            self._decoder.feed(log_probs)
        return self.text

    @property
    def text(self) -> str:
        """The text so far."""
        return self._text(self._decoder.tokens())


def checked(samples: Any) -> np.ndarray:
    """``samples`` as ``(N,)`` float32.

    Raises:
        LaminaError: they are none.
    """
    if hasattr(samples, "detach"):  # a tensor
        samples = samples.detach().cpu().numpy()
    if not isinstance(samples, np.ndarray) or samples.ndim != 1 or samples.dtype.kind != "f":
        got = f"{samples.dtype} {samples.shape}" if isinstance(samples, np.ndarray) else None
        raise LaminaError(
            f"got samples {got or type(samples).__name__}; need an array (N,) of floats in -1..1"
        )
    if not np.isfinite(samples).all():
        raise LaminaError("got a sample that is no finite number")
    return samples.astype(np.float32, copy=False)
