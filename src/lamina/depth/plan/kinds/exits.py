"""All depths in one training run: a head after every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds.base import Kind, Seconds
from lamina.depth.plan.kinds.shared import SharedDepths
from lamina.depth.plan.kinds.train import trained, trial_of
from lamina.depth.trials import Trial
from lamina.spec import Batch, Metric, Model, Part, State, Step, Task
from lamina.store import RunFolder
from lamina.train import Progress, Result


def run(job: Job, setup: Setup, folder: Path, progress: Progress) -> Trial:
    """Train all depths of the search up to the job's, with shared layers; or resume in ``folder``.

    Raises:
        KeyboardInterrupt: the training run was interrupted.
        LaminaError: the networks cannot share layers.
    """
    model = shared(job, setup)
    result = trained(job, model, AllDepths(setup.task, model.depths), setup, folder, progress)
    history = RunFolder.open(folder).history()
    return trial_of_depths(job, history, result, setup.task.metric, model.depths)


def shared(job: Job, setup: Setup) -> SharedDepths:
    """The networks of all depths up to the job's; the deepest one has the same initial weights as
    alone."""
    torch.manual_seed(job.seed)
    depths = [candidate.depth for candidate in setup.candidates if candidate.depth <= job.depth]
    networks = {depth: setup.model(job, depth) for depth in reversed(depths)}
    return SharedDepths(networks, setup.task, setup.task.batches("train")[0])


def trial_of_depths(
    job: Job,
    history: list[dict[str, Any]],
    result: Result,
    metric: Metric,
    depths: Sequence[int],
) -> Trial:
    """The trial of the best of ``depths``, with ``values`` and ``curves`` of all; each depth is
    scored at its own best epoch, as if trained alone."""
    trials = [trial_of(job, history, result, metric, at(depth)) for depth in sorted(depths)]
    finished = [trial for trial in trials if not trial.diverged]
    best = max(finished, key=lambda trial: trial.utility(metric), default=trials[0])
    of = list(zip(sorted(depths), trials, strict=True))
    return msgspec.structs.replace(
        best,
        values=tuple((depth, trial.value) for depth, trial in of),
        curves=tuple((depth, trial.curve) for depth, trial in of),
    )


def at(depth: int) -> str:
    """The suffix that marks a sum or score of one depth."""
    return f"@{depth}"


class AllDepths:
    """A task for :class:`SharedDepths`: the loss is the mean over all depths, and so is the metric;
    each depth's own scores are listed next to it, as ``accuracy@2``."""

    def __init__(self, task: Task, depths: Sequence[int]):
        self.task, self.depths = task, tuple(depths)
        self.name, self.metric, self.unit = task.name, task.metric, task.unit

    def model(self, options: Any = None, /, **changes: Any) -> Model:
        """See :class:`lamina.spec.Task`: a network of one depth."""
        return self.task.model(options, **changes)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
        """See :class:`lamina.spec.Task`."""
        return self.task.batches(part, epoch=epoch, seed=seed)

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """See :class:`lamina.spec.Task`."""
        assert isinstance(model, SharedDepths)
        return joint(model.steps(self.task, batch, state))

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """See :class:`lamina.spec.Task`."""
        found: dict[str, float] = {}
        scores = {depth: self.scores(depth, sums, count) for depth in self.depths}
        for name in ("loss", self.metric.name):
            values = [own[name] for own in scores.values() if name in own]
            if values:
                found[name] = sum(values) / len(values)
        for depth, own in scores.items():
            found |= {f"{name}{at(depth)}": value for name, value in own.items()}
        return found

    def scores(self, depth: int, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``task.summary`` of one depth."""
        mark = at(depth)
        own = {name.removesuffix(mark): v for name, v in sums.items() if name.endswith(mark)}
        return self.task.summary(own, count)

    def baseline(self) -> float:
        """See :class:`lamina.spec.Task`."""
        return self.task.baseline()

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        return {**self.task.config(), "depths": list(self.depths)}


def joint(steps: Mapping[int, Step], shares: Tensor | None = None) -> Step:
    """One step from those of all depths, the deepest first, with losses weighted by ``shares``
    ``(depths,)``, or equally."""
    losses = torch.stack([step.loss for step in steps.values()])
    sums = {
        f"{name}{at(depth)}": value
        for depth, step in steps.items()
        for name, value in step.sums.items()
    }
    sums["loss"] = torch.stack([step.sums["loss"] for step in steps.values()]).mean()
    deepest = next(iter(steps.values()))
    loss = losses.mean() if shares is None else (shares * losses).sum()
    return Step(loss, sums, deepest.count, deepest.state)


def epoch(depth: int, whole: Seconds, evaluation: Seconds) -> float:
    """Seconds of an epoch: in training each layer runs once, but each depth is evaluated
    separately."""
    training, evaluations = parts(depth, whole, evaluation)
    return training + evaluations


def parts(depth: int, whole: Seconds, evaluation: Seconds) -> tuple[float, float]:
    """Seconds of an epoch's training, as if the deepest network ran alone, and of the evaluations
    of all depths."""
    training = whole.get(depth, 0.0) - evaluation.get(depth, 0.0)
    return training, sum(seconds for d, seconds in evaluation.items() if d <= depth)


EXITS = Kind("exits", "all depths up to {}, together", run, shared, epoch)
