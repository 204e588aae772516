"""How much of a loss's gradient reaches each layer at each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lamina.nn import Stack
from lamina.spec import LayerState
from lamina.tasks.classify.network import Classifier
from lamina.train import Diverged, Silent, fit
from measured.training import open_task


def flows(
    *, folder: Path, data: Mapping[str, Any], model: Mapping[str, Any], epochs: int, seed: int
) -> dict[str, Any]:
    """The gradient by layer and step, at the start and after some epochs; None where that
    diverged."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    task = open_task("classify", data)
    torch.manual_seed(seed)
    network = task.model(**model)
    assert isinstance(network, Classifier)
    batch = task.batches("train", epoch=0, seed=seed)[0]
    network.train()
    with torch.no_grad():
        for other in task.batches("train", epoch=0, seed=seed):  # statistics of batch normalisation
            network(other.inputs, other.lengths)

    def looked() -> list[list[float]]:
        network.eval().zero_grad()
        found = by_layer_and_step(
            network.stack, batch.inputs, lambda top: cross_entropy(network.head(top), batch.targets)
        )
        return found.tolist()

    before = looked()
    try:
        fit(
            network, task, epochs=epochs, lr=3e-3, clip=None, seed=seed, threads=1,
            progress=Silent(),
        )  # fmt: skip
        after = looked()
    except Diverged:
        after = None
    return {"before": before, "after": after, "seconds": time.perf_counter() - began}


def by_layer_and_step(
    stack: Stack, x: Tensor, loss: Callable[[Tensor], Tensor]
) -> np.ndarray:  # (L, T)
    """Norm of ``d loss / d s_t(l)`` over batch and units, ``(L, T)``, where ``s_t(l)`` is the state
    of layer ``l`` after step ``t``: ``h``, and of an LSTM ``h`` and ``c`` together.

    stack: one-way, in evaluation (Pascanu, Mikolov and Bengio 2013, equations 3 to 5: the gradient
    through a state, by every way on from there). x: ``(T, B, I)``. loss: of the top layer's output
    at the last step, ``(B, H)``.

    A stack's own kernel keeps the states between steps to itself, so each layer is run step by
    step here.
    """
    state: list[LayerState] = list(stack.zero_state(x.shape[1]))
    seen: list[list[LayerState]] = [[] for _ in stack.layers]
    top = x
    for top in x.split(1):
        for index, layer in enumerate(stack.layers):
            _, after = layer(top, state[index], None, None, "auto")
            for part in after:
                part.retain_grad()
            state[index] = after
            seen[index].append(after)
            h = after[0]  # (1, B, H): of one direction, and so of one step too
            add = stack.options.residual and index > 0
            top = h + stack.skips[index - 1](top) if add else h
    loss(top[0]).backward()
    return np.array([[_norm(after) for after in steps] for steps in seen])


def _norm(state: LayerState) -> float:
    """Of the gradients of a state's parts; what the loss does not hang on has none."""
    squares = [float(part.grad.square().sum()) for part in state if part.grad is not None]
    return float(np.sqrt(sum(squares)))
