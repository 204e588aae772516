"""Sums over the steps of a training, gathered without making the host wait for the device."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
from torch import Tensor

from lamina.spec import Batch, Step


class Totals(msgspec.Struct):
    """Sums since the last evaluation, on the host.

    sums:    what the task adds up, by name.
    count:   how many predictions ``sums`` are over.
    norms:   the sum of the gradient's norm over ``steps``.
    tokens:  valid steps of the sequences (padding not counted) over ``seconds`` of training, of
             which ``data_seconds`` went into making the batches.
    """

    sums: dict[str, float] = {}
    count: int = 0
    norms: float = 0.0
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    data_seconds: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether neither the loss nor the gradient has become infinite or not-a-number."""
        return math.isfinite(self.sums.get("loss", 0.0)) and math.isfinite(self.norms)

    @property
    def loss(self) -> float | None:
        """The mean loss in nats; ``None`` before the first step."""
        return self.sums["loss"] / self.count if self.count else None

    @property
    def tokens_per_second(self) -> float:
        """The speed of training, evaluations not counted."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def data_share(self) -> float:
        """The share of the time of training that batches were waited for."""
        return self.data_seconds / self.seconds if self.seconds else 0.0


class Meter:
    """Adds up steps on their device and fetches the sums when asked.

    Each ``float(tensor)`` makes the host wait until the device has come so far; done once in
    a while instead of at every step, the device never runs dry.
    """

    def __init__(self, totals: Totals):
        self.totals = totals
        self.step_ms: deque[float] = deque(maxlen=1000)
        self.start()

    def start(self) -> None:
        """Begin to take the time of steps."""
        self._began = time.perf_counter()
        self._sums: dict[str, Tensor] = {}
        self._norms: Tensor | None = None
        self._count = self._steps = self._tokens = 0
        self._data_seconds = 0.0

    def batch(self, batches: Sequence[Batch], k: int) -> Batch:
        """Batch ``k``; the time that it takes to make it is noted."""
        began = time.perf_counter()
        batch = batches[k]
        self._data_seconds += time.perf_counter() - began
        return batch

    def add(self, step: Step, batch: Batch, norm: Tensor) -> None:
        """Count one training step; the totals know of it after :meth:`fetch`."""
        self._sums = added(self._sums, step.sums)
        self._norms = norm if self._norms is None else self._norms + norm
        self._count += step.count
        self._steps += 1
        self._tokens += batch.steps

    def fetch(self) -> Totals:
        """The totals with all steps in them; waits for the device."""
        totals = self.totals
        if self._norms is not None:
            for name, value in self._sums.items():
                totals.sums[name] = totals.sums.get(name, 0.0) + float(value)
            totals.norms += float(self._norms)
            totals.count += self._count
            totals.steps += self._steps
            totals.tokens += self._tokens
            seconds = time.perf_counter() - self._began
            totals.seconds += seconds
            totals.data_seconds += self._data_seconds
            self.step_ms.append(1e3 * seconds / self._steps)
        self.start()
        return totals


def added(sums: Mapping[str, Tensor], more: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``sums + more``, name by name, on the device."""
    return {name: sums[name] + value if name in sums else value for name, value in more.items()}
