"""Checkpoints: everything a training is, so that it can go on as if it had never stopped.

A checkpoint is one safetensors file, written whole. The one before it is kept as well: a file
that was cut or changed on the disk costs the time since then, not the run.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from lamina.spec import LaminaError, Model, State, state_tensors
from lamina.store import RunFolder, load_tensors, save_tensors
from lamina.train.meter import Totals
from lamina.train.schedules import Schedule


class Journal(msgspec.Struct):
    """Where a training stands, apart from its tensors.

    epoch, batch: the batch that comes next, both counted from 0.
    step:         optimizer steps done.
    totals:       sums since the last evaluation.
    lr:           the learning rate of the last step.
    watched:      the best value of the task's metric so far.
    waited:       evaluations in a row without a gain.
    best:         metrics of the evaluation whose weights are kept, after ``best_epoch`` epochs.
    history:      the lines of ``history.jsonl``.
    seconds:      wall-clock time; ``train_seconds``: of it in steps, over ``tokens``.
    threads:      CPU threads; sums over another number of them differ in the last bits.
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
    """A training between two steps: all that a checkpoint saves and brings back.

    state: what a stream carries to its next batch; best: the best weights so far.
    """

    model: Model
    optimizer: torch.optim.Optimizer
    device: torch.device
    journal: Journal = field(default_factory=Journal)
    state: State | None = None
    best: dict[str, Tensor] = field(default_factory=dict)


def save(run: RunFolder, training: Training) -> None:
    """Write a checkpoint; the current one becomes the previous one.

    Killed at any moment, it leaves at least one whole checkpoint where there was one.
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
    """A checkpoint as read from its file."""

    place: str
    tensors: dict[str, Tensor]
    journal: Journal
    random: dict[str, Any]

    def restore(self, training: Training) -> None:
        """Bring ``training`` to where it was when the checkpoint was written."""
        device = training.device
        training.journal = self.journal
        load_weights(training.model, self._group("model"), self.place)
        training.best = {name: value.to(device) for name, value in self._group("best").items()}
        layers: dict[int, dict[str, Tensor]] = {}
        for name, value in self._group("state").items():
            layer, _, part = name.partition(".")
            layers.setdefault(int(layer), {})[part] = value.to(device)
        # h before c, whatever the order of their names.
        training.state = (
            tuple(
                tuple(layers[k][part] for part in ("h", "c") if part in layers[k])
                for k in sorted(layers)
            )
            or None
        )
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
    """The newest whole checkpoint of ``run``; ``None`` where none was written yet.

    Raises :class:`LaminaError` where there are checkpoints and none is whole.
    """
    files = [file for file in (run.checkpoint_file, run.previous_checkpoint_file) if file.exists()]
    problem: LaminaError | None = None
    for file in files:
        try:
            tensors, metadata = load_tensors(file)
            journal = msgspec.json.decode(metadata["journal"], type=Journal)
            numbers = msgspec.json.decode(metadata["random"])
            if problem is not None:  # or the next save would put it in the place of this one
                run.checkpoint_file.unlink()
            return Checkpoint(str(file), tensors, journal, numbers)
        except LaminaError as error:
            problem = problem or error
        except (KeyError, msgspec.DecodeError):
            problem = problem or LaminaError("is no checkpoint of a training", place=str(file))
    if problem is not None:
        raise problem
    return None


def load_weights(model: Model, tensors: dict[str, Tensor], place: str) -> None:
    """Give ``model`` its weights; one line of :class:`LaminaError` where they do not fit it."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        detail = str(error).replace("\n\t", " ")
        raise LaminaError(f"the weights do not fit the model: {detail}", place=place) from None


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch (all devices), numpy and python."""
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
