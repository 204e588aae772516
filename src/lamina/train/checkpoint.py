"""Checkpoints: the complete state of a training run, so that it resumes as if never stopped.

A checkpoint is one safetensors file, written completely or not at all. The previous one is kept
as well: if a file is truncated or altered on disk, only the work since then is lost.

A checkpoint may come from a stranger: its numbers are held against :class:`Journal` and
:class:`Numbers`, its tensors against what this training run would write, before any is read. The
network is not run for that: a step may change what no checkpoint holds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from lamina.options import NonNegative, Tally, Threads
from lamina.spec import LaminaError, Model, State, state_from, state_tensors
from lamina.store import RunFolder, save_tensors
from lamina.store.tensors import Entry, TensorFile
from lamina.train.meter import Totals
from lamina.train.schedules import Schedule

T = TypeVar("T")

#: A number in a line of ``history.jsonl``.
Figure = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | float | None
#: A sum that JSON has no number for.
NotFinite = Literal["nan", "inf", "-inf"]
#: A word of a generator's state.
Word = Annotated[int, Meta(ge=0, lt=2**32)]


class Journal(msgspec.Struct):
    """The state of a training run, apart from its tensors.

    Attributes:
        epoch: The epoch of the next batch, from 0.
        batch: The index of the next batch within its epoch.
        step: Optimizer steps done.
        totals: Sums since the last evaluation.
        schedule: The state of the learning rate schedule.
        lr: The learning rate of the last step.
        watched: The best value of the task's metric so far.
        waited: Evaluations in a row without improvement.
        best: Metrics of the evaluation whose weights are kept.
        best_epoch: Epochs done at that evaluation.
        history: The lines of ``history.jsonl``.
        seconds: Wall-clock time.
        train_seconds: The part of it spent in training steps.
        tokens: Tokens trained on in that time.
        threads: CPU threads; sums over another number of threads differ in the last bits.
    """

    epoch: Tally = 0
    batch: Tally = 0
    step: Tally = 0
    totals: Totals = msgspec.field(default_factory=Totals)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    lr: float = 0.0
    watched: float | None = None
    waited: Tally = 0
    best: dict[str, float | None] = {}
    best_epoch: Tally = 0
    history: list[dict[str, Figure]] = []
    seconds: NonNegative = 0.0
    train_seconds: NonNegative = 0.0
    tokens: Tally = 0
    threads: Threads = 1

    def agrees(self, epochs: int, batches: int) -> bool:
        """Whether its numbers agree with each other, with the epochs of the training run, and with
        the batches of the epoch that it is in."""
        return (
            self.epoch < epochs
            and self.batch <= batches
            and (self.step == 0) == (self.epoch == self.batch == 0)
            and self.batch <= self.totals.steps <= self.step
            and ("loss" in self.totals.sums) == bool(self.totals.sums) == (self.totals.steps > 0)
            and self.best_epoch <= self.epoch
            and max(self.waited, len(self.history)) <= self.epoch
            and all(isinstance(line.get("epoch"), int) for line in self.history)
        )


class Numbers(msgspec.Struct, frozen=True):
    """The states of Python's and NumPy's generators, as they give them.

    Attributes:
        python: Version, 624 words with the position after them, and a number held back.
        numpy: Name, 624 words, the position, and whether a number is held back, and which.
    """

    python: tuple[
        Literal[3], Annotated[tuple[Word, ...], Meta(min_length=625, max_length=625)], float | None
    ]
    numpy: tuple[
        Literal["MT19937"],
        Annotated[tuple[Word, ...], Meta(min_length=624, max_length=624)],
        Annotated[int, Meta(ge=0, le=624)],
        Literal[0, 1],
        float,
    ]

    def __post_init__(self) -> None:
        if self.python[1][-1] > 624:
            raise ValueError("the position of Python's generator is beyond its words")


@dataclass
class Training:
    """A training run between two steps: all that a checkpoint saves and restores.

    Attributes:
        model: The model being trained.
        optimizer: Its optimizer.
        device: Where both are.
        journal: The rest of the run's state.
        state: The recurrent state that a stream carries to its next batch.
        best: The best weights so far.
    """

    model: Model
    optimizer: torch.optim.Optimizer
    device: torch.device
    journal: Journal = field(default_factory=Journal)
    state: State | None = None
    best: dict[str, Tensor] = field(default_factory=dict)


def save(run: RunFolder, training: Training) -> None:
    """Write a checkpoint; the current one becomes the previous one.

    If there was a complete checkpoint, there still is one, even if the process is killed here.
    """
    journal = training.journal
    journal.threads = torch.get_num_threads()
    tensors = {
        **_named("model", training.model.state_dict()),
        **_named("best", training.best),
        **_named("state", dict(state_tensors(training.state))),
        **_named("random", _random_tensors(training.device)),
    }
    for index, values in training.optimizer.state_dict()["state"].items():
        kept = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        tensors.update(_named(f"optimizer.{index}", kept))
    sums = journal.totals.sums
    finite = {name: value for name, value in sums.items() if math.isfinite(value)}
    others = {name: str(value) for name, value in sums.items() if name not in finite}
    replace = msgspec.structs.replace
    plain = replace(journal, totals=replace(journal.totals, sums=finite))
    metadata = {
        "journal": msgspec.json.encode(plain).decode(),
        "sums": msgspec.json.encode(others).decode(),
        "random": msgspec.json.encode(_random_numbers()).decode(),
    }
    run.checkpoint_folder.mkdir(exist_ok=True)
    if run.checkpoint_file.exists():
        run.checkpoint_file.replace(run.previous_checkpoint_file)
    save_tensors(run.checkpoint_file, tensors, metadata)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, as read from its file."""

    place: str
    tensors: dict[str, Tensor]
    journal: Journal
    numbers: Numbers

    def restore(self, training: Training) -> None:
        """Put ``training`` back in the state in which the checkpoint was written."""
        device = training.device
        training.journal = self.journal
        training.model.load_state_dict(_group("model", self.tensors))
        best, carried = (
            {name: value.to(device) for name, value in _group(kind, self.tensors).items()}
            for kind in ("best", "state")
        )
        training.best, training.state = best, state_from(carried)
        values: dict[int, dict[str, Tensor]] = {}
        for name, value in _group("optimizer", self.tensors).items():
            index, _, part = name.partition(".")
            values.setdefault(int(index), {})[part] = value
        groups = training.optimizer.state_dict()["param_groups"]
        training.optimizer.load_state_dict({"state": values, "param_groups": groups})
        _set_random(_group("random", self.tensors), self.numbers, device)


#: Zeros shaped like the state that is carried where a journal is, ``None`` if the task does not
#: say; raises LaminaError for a journal that the training run cannot have written.
Expected = Callable[[Journal], "State | None"]


def load(run: RunFolder, training: Training, expected: Expected) -> Checkpoint | None:
    """The newest intact checkpoint of ``run``; ``None`` if none was written yet.

    Args:
        run: The run.
        training: The training run that goes on; not changed.
        expected: Refuses the journals of other runs, and knows the state of this one.

    Raises:
        LaminaError: There are checkpoints, but none is intact; or the newest is of another run.
    """
    files = [file for file in (run.checkpoint_file, run.previous_checkpoint_file) if file.exists()]
    problem: LaminaError | None = None
    for file in files:
        try:
            found = _read(file, training, expected)
        except LaminaError as error:
            problem = problem or error
            continue
        if problem is not None:  # else the next save would replace this one with it
            run.checkpoint_file.unlink()
        return found
    if problem is not None:
        raise problem
    return None


def _read(path: Path, training: Training, expected: Expected) -> Checkpoint:
    with TensorFile(path) as file:
        try:
            journal = msgspec.json.decode(file.metadata.get("journal", ""), type=Journal)
            others = msgspec.json.decode(file.metadata.get("sums", "{}"), type=dict[str, NotFinite])
            numbers = msgspec.json.decode(file.metadata.get("random", ""), type=Numbers)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise LaminaError(f"is not a checkpoint: {error}", place=file.place) from None
        journal.totals.sums.update({name: float(value) for name, value in others.items()})
        try:
            state = expected(journal)
            needed = _needed(training, journal, state, file.entries)
        except LaminaError as error:
            raise LaminaError(error.message, place=file.place) from None
        tensors = file.read(like=needed)
    try:
        torch.Generator().set_state(tensors["random.cpu"])
    except RuntimeError:
        raise LaminaError(
            "has no valid state of torch's random number generator", place=file.place
        ) from None
    return Checkpoint(file.place, tensors, journal, numbers)


def _needed(
    training: Training, journal: Journal, state: State | None, found: Mapping[str, Entry]
) -> dict[str, Tensor]:
    """Tensors like those that a checkpoint of ``training`` has where its journal is.

    A parameter that has had no gradient yet has no state in the optimizer, so whether there is one
    is up to the names that were ``found``.
    """
    model, optimizer = training.model.state_dict(), training.optimizer
    needed = {
        **_named("model", model),
        **_named("best", model if journal.best_epoch else {}),
        **_named("state", _carried(state, _group("state", found))),
        **_named("random", _random_tensors(training.device)),
    }
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, parameter in enumerate(parameters):
        own = _named(f"optimizer.{index}", _optimizer_tensors(optimizer, parameter))
        if found.keys() & own.keys():
            needed |= own
    return needed


def _carried(state: State | None, found: Mapping[str, Entry]) -> dict[str, Tensor]:
    """Tensors like those of the carried state: of the shapes of ``state``, or those ``found`` if it
    is ``None``; in the types found, since autocast chooses them.

    Raises:
        LaminaError: What was found is no state.
    """
    like = {name: entry.like() for name, entry in found.items()}
    if state is not None:
        needed = dict(state_tensors(state))
        for name in needed.keys() & like.keys():
            if like[name].is_floating_point() and like[name].shape == needed[name].shape:
                needed[name] = like[name]
        return needed
    try:
        if dict(state_tensors(state_from(like))).keys() == like.keys():
            return like
    except (KeyError, ValueError):
        pass
    raise LaminaError(
        f"has the parts {', '.join(found)} of a state; need 0.h, 0.c, 1.h, ... of every layer. It "
        "does not belong to this run's config.json."
    )


def _optimizer_tensors(optimizer: torch.optim.Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    """Tensors like those that the optimizer keeps for a parameter, by name."""
    if isinstance(optimizer, torch.optim.SGD):
        return {"momentum_buffer": parameter} if optimizer.param_groups[0]["momentum"] else {}
    return {"step": torch.tensor(0.0), "exp_avg": parameter, "exp_avg_sq": parameter}


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch (all devices), NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _group(prefix: str, tensors: Mapping[str, T]) -> dict[str, T]:
    """The inverse of :func:`_named`, of tensors with several prefixes."""
    start = prefix + "."
    return {
        name.removeprefix(start): tensors[name]
        for name in sorted(tensors)
        if name.startswith(start)
    }


def _random_tensors(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def _random_numbers() -> dict[str, Any]:
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {"python": random.getstate(), "numpy": [kind, np.asarray(keys).tolist(), *rest]}


def _set_random(tensors: dict[str, Tensor], numbers: Numbers, device: torch.device) -> None:
    torch.set_rng_state(tensors["cpu"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
    elif device.type == "mps" and "mps" in tensors:
        torch.mps.set_rng_state(tensors["mps"])
    random.setstate(numbers.python)
    name, words, at, held, gauss = numbers.numpy
    np.random.set_state((name, np.array(words, np.uint32), at, held, gauss))
