"""Depth as a continuous choice: all depths in one training run, weighted against each other.

Liu, Simonyan and Yang (2019), *DARTS*: a choice among operations becomes a softmax over them
(equation 2), learned on other data than the weights and in alternation with them; first order
(section 2.3, ``xi = 0``). Here the operations are the heads of
:mod:`lamina.depth.plan.kinds.exits`, and a falling temperature sharpens the softmax to one depth,
as in Xie et al. (2019), *SNAS*, but without noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds.base import Kind, Seconds
from lamina.depth.plan.kinds.exits import AllDepths, joint, parts, shared, trial_of_depths
from lamina.depth.plan.kinds.shared import SharedDepths
from lamina.depth.plan.kinds.train import trained
from lamina.depth.trials import Trial
from lamina.spec import Batch, LaminaError, Model, Part, State, Step, Task
from lamina.store import RunFolder
from lamina.train import Progress

#: The temperature at the first and last step; it decays geometrically.
TEMPERATURES = (1.0, 0.01)


def run(job: Job, setup: Setup, folder: Path, progress: Progress) -> Trial:
    """Learn weights and a choice among all depths of the search up to the job's; or resume in
    ``folder``. ``values`` are the scores of the heads on the half of the validation part not used
    for choosing, ``shares`` the final choice.

    Raises:
        KeyboardInterrupt: the training run was interrupted.
        LaminaError: the networks cannot share layers, or the validation part cannot be halved.
    """
    model, task = relaxed(job, setup)
    result = trained(job, model, task, setup, folder, progress)
    history = RunFolder.open(folder).history()
    trial = trial_of_depths(job, history, result, task.metric, task.depths)
    if trial.diverged:
        return trial
    last = next(line for line in reversed(history) if line["epoch"] <= trial.epochs)
    shares = tuple((depth, last[f"validation_{share(depth)}"]) for depth in sorted(task.depths))
    return msgspec.structs.replace(trial, shares=shares)


def relaxed(job: Job, setup: Setup) -> tuple[Relaxed, ChosenDepth]:
    """The networks with the choice among them, and their task.

    Raises:
        LaminaError: the networks cannot share layers, or the validation part cannot be halved.
    """
    model = Relaxed(shared(job, setup))
    return model, ChosenDepth(setup.task, model.every.depths, setup.settings_of(job).epochs)


def share(depth: int) -> str:
    """The name of a depth's weight among the scores."""
    return f"share[{depth}]"


class Relaxed(Model):
    """Networks of several depths and a softmax over them.

    Attributes:
        logits: ``(depths,)``, in the order of ``every.depths``; all equal at first.
        temperature: divides the logits.
    """

    temperature: Tensor

    def __init__(self, every: SharedDepths):
        super().__init__()
        self.every = every
        self.logits = nn.Parameter(torch.zeros(len(every.depths)))
        self.register_buffer("temperature", torch.tensor(TEMPERATURES[0]))

    def shares(self) -> Tensor:
        """The weight of each depth, ``(depths,)``; they sum to 1."""
        return torch.softmax(self.logits / self.temperature, 0)

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {**self.every.config(), "task": "relaxed depth"}

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return self.every.assets()


@dataclass(frozen=True)
class Turn(Batch):
    """A batch for the weights or for the choice, with the current temperature."""

    batch: Batch | None = None
    chooses: bool = False
    temperature: float = 1.0

    @classmethod
    def of(cls, batch: Batch, *, chooses: bool, temperature: float) -> Turn:
        """A turn with any kind of batch."""
        return cls(
            batch.inputs,
            batch.targets,
            batch.lengths,
            batch.fresh,
            batch.index,
            batch.part,
            batch=batch,
            chooses=chooses,
            temperature=temperature,
        )

    def to(self, device: torch.device | str) -> Turn:
        """See :class:`lamina.spec.Batch`."""
        assert self.batch is not None
        moved = self.batch.to(device)
        return self.of(moved, chooses=self.chooses, temperature=self.temperature)


class ChosenDepth(AllDepths):
    """A task for :class:`Relaxed`.

    In training, batches alternate: one of the training part updates the weights by the losses of
    all depths, weighted by their shares; one of the half of the validation part reserved for it
    updates only the shares. All scores come from the other half. The metric is the mean over
    depths, weighted by their shares.

    Raises:
        LaminaError: the validation part has fewer than two batches.
    """

    def __init__(self, task: Task, depths: Sequence[int], epochs: int):
        super().__init__(task, depths)
        self.epochs = epochs
        batches = task.batches("validation")
        count = len(batches)
        if count < 2:
            raise LaminaError(
                f"the validation part has {count} batch; strategy relax learns the depth on half of"
                " it, so it needs two or more. Take a larger part, or smaller batches."
            )
        # A stream is cut in two, so that each half is contiguous; otherwise every other batch.
        stream = not batches[1].fresh
        places = range(count)
        self.choosing = places[: count // 2] if stream else places[1::2]
        self.scoring = places[count // 2 :] if stream else places[::2]

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """See :class:`lamina.spec.Task`."""
        found = self.task.batches(part, epoch=epoch, seed=seed)
        if part == "validation":
            return _Some(found, self.scoring)
        if part != "train":
            return found
        choosing = _Some(self.task.batches("validation"), self.choosing)
        return _Turns(found, choosing, epoch, self.epochs)

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """See :class:`lamina.spec.Task`."""
        assert isinstance(model, Relaxed)
        if not isinstance(batch, Turn) or batch.batch is None:
            return self._told(model, joint(model.every.steps(self.task, batch, state)))
        model.temperature.fill_(batch.temperature)
        if not batch.chooses:
            steps = model.every.steps(self.task, batch.batch, state)
            return self._told(model, joint(steps, model.shares().detach()))
        with torch.no_grad():
            steps = model.every.steps(self.task, batch.batch, None)
        # The stream of the weights resumes after this batch.
        return replace(self._told(model, joint(steps, model.shares())), state=state)

    def _told(self, model: Relaxed, step: Step) -> Step:
        shares = dict(zip(self.depths, model.shares().detach(), strict=True))
        named = {share(depth): value * step.count for depth, value in shares.items()}
        return replace(step, sums={**step.sums, **named})

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """See :class:`lamina.spec.Task`."""
        found = super().summary(sums, count)
        shares = {depth: sums[share(depth)] / count for depth in self.depths}
        name = self.metric.name
        if name in found:
            found[name] = sum(shares[d] * self.scores(d, sums, count)[name] for d in self.depths)
        return found | {share(depth): value for depth, value in shares.items()}


class _Some(Sequence[Batch]):
    """A subset of a sequence of batches."""

    def __init__(self, batches: Sequence[Batch], places: range):
        self.batches, self.places = batches, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, k: int) -> Batch:  # type: ignore[override]
        return self.batches[self.places[k]]


class _Turns(Sequence[Batch]):
    """Batches for the weights, each followed by one for the choice, which are cycled through."""

    def __init__(self, weights: Sequence[Batch], choice: Sequence[Batch], epoch: int, epochs: int):
        self.weights, self.choice, self.epoch, self.epochs = weights, choice, epoch, epochs

    def __len__(self) -> int:
        return 2 * len(self.weights)

    def __getitem__(self, k: int) -> Batch:  # type: ignore[override]
        if not 0 <= k < len(self):
            raise IndexError(k)
        done = self.epoch * len(self) + k
        first, last = TEMPERATURES
        temperature = first * (last / first) ** (done / max(self.epochs * len(self) - 1, 1))
        if k % 2 == 0:
            return Turn.of(self.weights[k // 2], chooses=False, temperature=temperature)
        batch = self.choice[(done // 2) % len(self.choice)]
        # In training mode, as opposed to evaluation. Not fresh, so that the state of the stream is
        # passed on.
        batch = replace(batch, part="train", fresh=False)
        return Turn.of(batch, chooses=True, temperature=temperature)


def epoch(depth: int, whole: Seconds, evaluation: Seconds) -> float:
    """Seconds of an epoch: the choice is learned on every other batch, by a forward pass, which is
    a third of a step, and evaluated on half of the data."""
    training, evaluations = parts(depth, whole, evaluation)
    return 4 / 3 * training + evaluations / 2


RELAX = Kind("relax", "a choice among depths up to {}", run, relaxed, epoch, purpose="a proposal")
