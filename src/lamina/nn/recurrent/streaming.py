"""A stack as it is run on a stream: one time step a call."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn

from lamina.kernels import Weights, check_tensor
from lamina.kernels.stepper import StepLayer, Stepper, StepWeights
from lamina.nn.recurrent.layer import Direction
from lamina.nn.recurrent.options import StackOptions
from lamina.spec import LaminaError


@torch.no_grad()
def make_stepper(
    layers: nn.ModuleList,
    skips: nn.ModuleList,
    options: StackOptions,
    batch: int,
    weights: StepWeights,
    embedding: Tensor | Literal["onehot"] | None,
) -> Stepper:
    """See :meth:`lamina.nn.Stack.stepper`."""
    if options.bidirectional:
        raise LaminaError(
            "a bidirectional stack reads each sequence from its end too, so it cannot be run step "
            "by step; need bidirectional=False"
        )
    made = []
    for index, layer in enumerate(layers):
        direction: Direction = layer.directions[0]  # type: ignore
        residual = options.residual and index > 0
        skip = skips[index - 1] if residual else None
        matrix = skip.weight if isinstance(skip, nn.Linear) else None
        made.append(StepLayer(evaluated(direction), direction.activation, residual, matrix))
    table = None
    if embedding is not None:
        first = made[0].weights
        assert first.w_ih is not None
        table = products(first.w_ih, embedding)
        made[0] = made[0]._replace(weights=first._replace(w_ih=None))
    return Stepper(options.cell, made, batch=batch, weights=weights, table=table)


def evaluated(direction: Direction) -> Weights:
    """The weights as evaluation uses them: batch normalisation folded in, with its running
    statistics."""
    weights = direction.weights()
    if direction.batch_norm is None:
        return weights
    norm = deepcopy(direction.batch_norm).eval()
    w_ih, b_ih = norm.fold(None, direction.weight_ih, direction.bias_ih)
    return weights._replace(w_ih=w_ih, b_ih=b_ih)


def products(w_ih: Tensor, embedding: Tensor | Literal["onehot"]) -> Tensor:
    """``W x`` of every token, ``(V, G*H)``."""
    if isinstance(embedding, str):
        if embedding != "onehot":
            raise LaminaError(f"embedding is {embedding!r}; need a table (V, I) or 'onehot'")
        return w_ih.T.to(torch.float32).contiguous()
    check_tensor("embedding", embedding, "a tensor (V, I)")
    if embedding.dim() != 2 or embedding.shape[1] != w_ih.shape[1]:
        shape = tuple(embedding.shape)
        raise LaminaError(f"embedding is {shape}; need (V, I={w_ih.shape[1]})")
    return (embedding.to(w_ih.dtype) @ w_ih.T).to("cpu", torch.float32).contiguous()
