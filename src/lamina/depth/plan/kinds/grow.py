"""One depth, grown from the next shallower one: progressive stacking.

Layers are added to a network that was trained without them, as in Gong et al. (2019), *Efficient
Training of BERT by Progressively Stacking*; but a new layer contributes nothing at first
(:mod:`lamina.nn.recurrent.growth`), whereas theirs are copies of the layers below.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import torch

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds.base import Kind
from lamina.depth.plan.kinds.train import trained, trial_of
from lamina.depth.trials import Trial
from lamina.nn.recurrent.growth import grow
from lamina.spec import LaminaError, Model, Task
from lamina.store import RunFolder
from lamina.train import Progress


def run(job: Job, setup: Setup, folder: Path, progress: Progress) -> Trial:
    """Train the shallowest depth of the search, add layers up to the next, continue training, and
    so on up to the job's depth. Each stage is a complete training run in a folder next to
    ``folder``; completed stages are read back.

    Raises:
        KeyboardInterrupt: the training run was interrupted.
        LaminaError: a new layer changes the network's output.
    """
    check(job, setup)
    shallow: Model | None = None
    for candidate in setup.candidates:
        stage = msgspec.structs.replace(job, depth=candidate.depth)
        torch.manual_seed(job.seed)
        model = setup.model(stage)
        if shallow is not None:
            _grow(model, shallow, setup.task)
        if stage.depth == job.depth:
            break
        whole = msgspec.structs.replace(stage, epochs=None)
        trained(whole, model, setup.task, setup, folder.parent / stage.run, progress)
        shallow = model
    else:
        raise KeyError(job.depth)
    result = trained(job, model, setup.task, setup, folder, progress)
    return trial_of(job, RunFolder.open(folder).history(), result, setup.task.metric)


def check(job: Job, setup: Setup) -> None:
    """Check that growing works for the networks of the search.

    Raises:
        LaminaError: a new layer changes the network's output.
    """
    for lower, upper in pairwise(setup.candidates):
        _grow(setup.model(job, upper.depth), setup.model(job, lower.depth), setup.task)


@torch.no_grad()
def _grow(deep: Model, shallow: Model, task: Task) -> None:
    """Grow the network, and check that its output has not changed."""
    device = next(shallow.parameters()).device
    shallow.eval()
    deep.to(device).eval()
    grow(deep, shallow)
    batch = task.batches("train")[0].to(device)
    before, after = (task.step(model, batch, None).loss for model in (shallow, deep))
    if not torch.equal(before, after):
        raise LaminaError(
            f"a new layer changes what this {task.name} network says at once, as where its head"
            " reads a layer's state and not its output; use strategy='grid'"
        )


GROW = Kind("grow", "grown to {}", run, check)
