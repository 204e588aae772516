"""Sums over training steps, gathered without making the host wait for the device."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
from torch import Tensor

from lamina.options import NonNegative, Tally
from lamina.spec import Batch, Step


class Totals(msgspec.Struct):
    """Sums since the last evaluation, on the host.

    Attributes:
        sums: What the task adds up, by name.
        count: Number of predictions that ``sums`` cover.
        norms: Sum of the gradient norms over ``steps``.
        steps: Training steps.
        tokens: Valid time steps of the sequences, without padding.
        seconds: Training time.
        data_seconds: The part of it spent making batches.
    """

    sums: dict[str, float] = {}
    count: Tally = 0
    norms: NonNegative = 0.0
    steps: Tally = 0
    tokens: Tally = 0
    seconds: NonNegative = 0.0
    data_seconds: NonNegative = 0.0

    @property
    def finite(self) -> bool:
        """Whether the loss and the gradient are still finite."""
        return math.isfinite(self.sums.get("loss", 0.0)) and math.isfinite(self.norms)

    @property
    def loss(self) -> float | None:
        """The mean loss in nats; ``None`` before the first step."""
        return self.sums["loss"] / self.count if self.count else None

    @property
    def tokens_per_second(self) -> float:
        """Training speed, without evaluations."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def data_share(self) -> float:
        """The share of training time spent waiting for batches."""
        return self.data_seconds / self.seconds if self.seconds else 0.0


class Meter:
    """Adds up steps on their device, and fetches the sums on request.

    Every ``float(tensor)`` makes the host wait for the device to catch up. Doing so once in a
    while rather than at every step keeps the device busy.
    """

    def __init__(self, totals: Totals):
        self.totals = totals
        self.step_ms: deque[float] = deque(maxlen=1000)
        self.start()

    def start(self) -> None:
        """Start timing steps."""
        self._began = time.perf_counter()
        self._sums: dict[str, Tensor] = {}
        self._norms: Tensor | None = None
        self._count = self._steps = self._tokens = 0
        self._data_seconds = 0.0

    def batch(self, batches: Sequence[Batch], k: int) -> Batch:
        """Batch ``k``; the time taken to make it is recorded."""
        began = time.perf_counter()
        batch = batches[k]
        self._data_seconds += time.perf_counter() - began
        return batch

    def add(self, step: Step, batch: Batch, norm: Tensor) -> None:
        """Count one training step; :meth:`fetch` adds it to the totals."""
        self._sums = added(self._sums, step.sums)
        self._norms = norm if self._norms is None else self._norms + norm
        self._count += step.count
        self._steps += 1
        self._tokens += batch.steps

    def fetch(self) -> Totals:
        """The totals, with all steps so far; waits for the device."""
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
    """``sums + more``, name by name, on the device; a name may be in one of them alone."""
    new = {name: sums[name] + value if name in sums else value for name, value in more.items()}
    return {**sums, **new}
