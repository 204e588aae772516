"""Checkpoints: the complete state of a training run, so that it resumes as if never stopped.

A checkpoint is one safetensors file, written completely or not at all. The previous one is kept
as well: if a file is truncated or altered on disk, only the work since then is lost.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from lamina.spec import LaminaError, Model, State, state_from, state_tensors
from lamina.store import RunFolder, load_tensors, save_tensors
from lamina.train.meter import Totals
from lamina.train.schedules import Schedule


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

    epoch: int = 0
    batch: int = 0
    step: int = 0
    totals: Totals = msgspec.field(default_factory=Totals)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    lr: float = 0.0
    watched: float | None = None
    waited: int = 0
    best: dict[str, float | None] = {}
    best_epoch: int = 0
    history: list[dict[str, Any]] = []
    seconds: float = 0.0
    train_seconds: float = 0.0
    tokens: int = 0
    threads: int = 0


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
    metadata = {
        "journal": msgspec.json.encode(journal).decode(),
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
    random: dict[str, Any]

    def restore(self, training: Training) -> None:
        """Put ``training`` back in the state in which the checkpoint was written."""
        device = training.device
        training.journal = self.journal
        load_weights(training.model, self._group("model"), self.place)
        training.best = {name: value.to(device) for name, value in self._group("best").items()}
        carried = {name: value.to(device) for name, value in self._group("state").items()}
        training.state = state_from(carried)
        values: dict[int, dict[str, Tensor]] = {}
        for name, value in self._group("optimizer").items():
            index, _, part = name.partition(".")
            values.setdefault(int(index), {})[part] = value
        groups = training.optimizer.state_dict()["param_groups"]
        training.optimizer.load_state_dict({"state": values, "param_groups": groups})
        _set_random(self._group("random"), self.random, device)

    def _group(self, prefix: str) -> dict[str, Tensor]:
        start = prefix + "."
        return {
            name.removeprefix(start): self.tensors[name]
            for name in sorted(self.tensors)
            if name.startswith(start)
        }


def load(run: RunFolder) -> Checkpoint | None:
    """The newest intact checkpoint of ``run``; ``None`` if none was written yet.

    Raises:
        LaminaError: There are checkpoints, but none is intact.
    """
    files = [file for file in (run.checkpoint_file, run.previous_checkpoint_file) if file.exists()]
    problem: LaminaError | None = None
    for file in files:
        try:
            tensors, metadata = load_tensors(file)
            journal = msgspec.json.decode(metadata["journal"], type=Journal)
            numbers = msgspec.json.decode(metadata["random"])
            if problem is not None:  # else the next save would replace this one with it
                run.checkpoint_file.unlink()
            return Checkpoint(str(file), tensors, journal, numbers)
        except LaminaError as error:
            problem = problem or error
        except (KeyError, msgspec.DecodeError):
            problem = problem or LaminaError("is not a checkpoint", place=str(file))
    if problem is not None:
        raise problem
    return None


def load_weights(model: Model, tensors: dict[str, Tensor], place: str) -> None:
    """Load weights into ``model``.

    Raises:
        LaminaError: They do not fit the model; in one line, with ``place``.
    """
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).replace("\n\t", " ")
        raise LaminaError(f"the weights do not fit the model: {detail}", place=place) from None


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch (all devices), NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


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


def _set_random(tensors: dict[str, Tensor], numbers: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(tensors["cpu"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
    elif device.type == "mps" and "mps" in tensors:
        torch.mps.set_rng_state(tensors["mps"])
    version, keys, gauss = numbers["python"]
    random.setstate((version, tuple(keys), gauss))
    np.random.set_state(tuple(numbers["numpy"]))
