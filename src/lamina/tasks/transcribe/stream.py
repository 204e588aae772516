"""Speech to text while it is spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lamina.spec import LaminaError
from lamina.tasks.decode.ctc import decoder

if TYPE_CHECKING:
    from lamina.tasks.transcribe.network import Transcriber


class TranscriptStream:
    """Transcribes one recording that arrives in pieces, and carries all that it takes: the samples
    of an unfinished frame, the state of every layer, frames that wait for their partner, and the
    decoder. After the last piece the text is that of the whole recording.

    >>> stream = model.stream()                                # doctest: +SKIP
    >>> for samples in microphone:                             # doctest: +SKIP
    ...     print(stream.feed(samples))

    Args:
        model: one that reads forwards only. It is used as it is: do not train it meanwhile.

    Raises:
        LaminaError: the model is bidirectional.
    """

    def __init__(self, model: Transcriber):
        if model.options.bidirectional:
            raise LaminaError(
                "a bidirectional model reads each recording from its end too, so it cannot "
                "transcribe a stream; need bidirectional=False"
            )
        self._model = model
        self._frames = model.inputs.features.stream()
        self._decoder = decoder(model.blank, model.options.beam)
        self._state: Any = None

    def feed(self, samples: np.ndarray) -> str:
        """Read the next samples ``(N,)`` in -1..1, at the model's rate; the text up to now. With a
        beam of more than 1, later samples may still change it.

        Raises:
            LaminaError: anything else than a row of finite numbers.
        """
        model = self._model
        frames = self._frames.feed(checked(samples))
        if len(frames):
            x = torch.from_numpy(model.scale(frames))[:, None].to(model.head.weight.device)
            with model.evaluating():
                log_probs, self._state = model.scores(x, self._state)
            self._decoder.feed(model.sayable(log_probs[:, 0]))
        return self.text

    @property
    def text(self) -> str:
        """The text up to now."""
        return self._model.text(self._decoder.tokens())


def checked(samples: Any) -> np.ndarray:
    """``samples`` as ``(N,)`` float32.

    Raises:
        LaminaError: they are none.
    """
    if not isinstance(samples, np.ndarray) or samples.ndim != 1 or samples.dtype.kind != "f":
        got = f"{samples.dtype} {samples.shape}" if isinstance(samples, np.ndarray) else None
        raise LaminaError(
            f"got samples {got or type(samples).__name__}; need an array (N,) of floats in -1..1"
        )
    if not np.isfinite(samples).all():
        raise LaminaError("got a sample that is no finite number")
    return samples.astype(np.float32, copy=False)
