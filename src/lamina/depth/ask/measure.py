"""The cost of each depth: time and memory of a training step, measured side by side."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from msgspec import Struct
from torch import Tensor

from lamina.options import Natural, NonNegative
from lamina.spec import Batch, LaminaError, Model, Task
from lamina.train import Settings
from lamina.train.session import clip_gradient, cpu_threads, make_optimizer

#: Minimum and maximum number of timed rounds, after one untimed warm-up; in each, every depth takes
#: one step. As many as fit in the seconds.
ROUNDS, SECONDS = (7, 51), 4.0
#: Batches sampled to find a typical one and the largest.
SAMPLE = 64


class Checked(Struct, frozen=True):
    """The amount of data on which depths were compared: ``count`` of ``what`` in the validation
    part."""

    count: int
    what: str


class Cost(Struct, frozen=True):
    """The cost of a depth.

    Attributes:
        step_ms: median time of one training step, depths taking turns.
        weight_bytes: parameters and buffers.
        training_bytes: parameters, gradients, optimizer state, and what the forward pass keeps for
            the backward pass on the largest batch seen. Excludes the data and temporary buffers of
            kernels.
    """

    depth: int
    step_ms: NonNegative
    weight_bytes: Natural
    training_bytes: Natural


def validation(task: Task) -> Checked:
    """The amount of validation data; without any there is nothing to decide by.

    Raises:
        LaminaError: there is none.
    """
    batches = task.batches("validation")
    if not len(batches):
        raise LaminaError(
            "the data has no validation part, so depths cannot be compared; give it a share."
        )
    count = sum(batches[k].examples for k in range(len(batches)))  # one in memory at a time
    return Checked(count, f"validation {task.unit}s")


def blind(task: Task) -> float | None:
    """The metric of the best answer that reads no input; None if the task cannot compute it."""
    value = task.baseline()
    return value if math.isfinite(value) else None


def measure(
    models: Mapping[int, Model], task: Task, settings: Mapping[int, Settings]
) -> tuple[Cost, ...]:
    """The cost of each depth, with its own settings. Trains the models for a few steps.

    The same batch goes through every depth in turn, several times, and the median counts: if the
    machine is busy or slows down meanwhile, all depths are affected alike.
    """
    typical, largest = _batches(task)
    steppers = {d: StepTimer(model, task, settings[d]) for d, model in models.items()}
    (threads,) = {each.threads for each in settings.values()}  # of the machine, not of a depth
    with cpu_threads(threads):
        memory = {d: stepper.bytes(largest) for d, stepper in steppers.items()}
        times: dict[int, list[float]] = {d: [] for d in steppers}
        begin = time.monotonic()
        for round in range(1 + ROUNDS[1]):
            if round > ROUNDS[0] and time.monotonic() - begin > SECONDS:
                break
            for d in in_turn(list(steppers), round):
                spent = steppers[d].milliseconds(typical)
                if round > 0:
                    times[d].append(spent)
    return tuple(Cost(d, statistics.median(times[d]), *memory[d]) for d in steppers)


def in_turn(depths: Sequence[int], round: int) -> list[int]:
    """The depths in an order specific to this round: on a busy machine a process runs in time
    slices, and in a fixed order the same depths would wait at the end of a slice again and
    again."""
    return random.Random(round).sample(depths, len(depths))


class StepTimer:
    """A model and optimizer for timing single training and evaluation steps."""

    def __init__(self, model: Model, task: Task, settings: Settings):
        self.device = settings.choose_device()
        self.model, self.task = model.to(self.device).train(), task
        self.clip = settings.clip
        self.optimizer = make_optimizer(model, settings)

    def step(self, batch: Batch) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.task.step(self.model, batch, None).loss.backward()
        clip_gradient(self.model.parameters(), self.clip)
        self.optimizer.step()

    def milliseconds(self, batch: Batch) -> float:
        """Time of a training step."""
        return self._timed(self.step, batch)

    def evaluated(self, batch: Batch) -> float:
        """Time of an evaluation step in milliseconds."""
        self.model.eval()
        try:
            with torch.no_grad():
                return self._timed(lambda given: self.task.step(self.model, given, None), batch)
        finally:
            self.model.train()

    def _timed(self, work: Callable[[Batch], object], batch: Batch) -> float:
        batch = batch.to(self.device)
        self._wait()
        begin = time.perf_counter()
        work(batch)
        self._wait()
        return 1000 * (time.perf_counter() - begin)

    def bytes(self, batch: Batch) -> tuple[int, int]:
        """Bytes of the weights, and of everything a training step keeps in memory."""
        weights = [*self.model.parameters(), *self.model.buffers()]
        kept: list[Tensor] = []  # references keep their storages distinct until counted

        def keep(tensor: Tensor) -> Tensor:
            kept.append(tensor.detach())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            self.step(batch.to(self.device))
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        state = [
            value
            for values in self.optimizer.state.values()
            for value in values.values()
            if isinstance(value, Tensor)
        ]
        return storage_bytes(weights), storage_bytes([*weights, *gradients, *state, *kept])

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def storage_bytes(tensors: list[Tensor]) -> int:
    """Bytes behind ``tensors``; storage shared by views counts once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


def _batches(task: Task) -> tuple[Batch, Batch]:
    """A typical training batch (median number of steps) and the largest, including padding."""
    every = task.batches("train")
    stride = max(1, len(every) // SAMPLE)
    sample = [every[k] for k in range(0, len(every), stride)]
    by_steps = sorted(sample, key=lambda batch: batch.steps)
    largest = max(sample, key=lambda batch: batch.inputs.numel())
    return by_steps[len(by_steps) // 2], largest
