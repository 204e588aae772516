"""The names of torch that lamina uses and torch does not promise, all in one place.

``tests/kernels/test_private.py`` says which one broke, and what it is for, when torch changes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

#: A context in which operators of torch skip autograd.
below_autograd: Any = torch._C._AutoDispatchBelowAutograd


def tangents() -> bool:
    """Whether forward-mode differentiation is on."""
    return forward_ad._current_level >= 0


def autocast_dtype(x: Tensor) -> torch.dtype | None:
    """The dtype that ``torch.autocast`` wants where ``x`` is; ``None``: it is off there."""
    kind = x.device.type
    if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):  # pyright: ignore[reportPrivateImportUsage]
        return None
    return torch.get_autocast_dtype(kind)


def functional_transform() -> bool:
    """Whether a transform of ``torch.func`` (``grad``, ``vmap``, ...) runs this code."""
    return torch._C._are_functorch_transforms_active()  # pyright: ignore[reportAttributeAccessIssue]


def tracing() -> bool:
    """Whether ``torch.jit.trace`` records this code."""
    return torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


def require(true: Tensor, message: str) -> None:
    """A check that stays in the graph of ``torch.compile`` and raises ``RuntimeError`` there."""
    torch._assert_async(true.all(), message)  # pyright: ignore[reportPrivateImportUsage]


def dense_layer(kind: str, x: Tensor, state: list[Tensor], parameters: list[Tensor]) -> Any:
    """torch's fused recurrence over one layer, forwards.

    ``kind`` is ``"lstm"``, ``"gru"``, ``"rnn_tanh"`` or ``"rnn_relu"``; ``x`` ``(T, B, I)``,
    ``state`` parts ``(1, B, H)``; ``parameters`` are matrices, biases if any, and a projection.
    """
    run = getattr(torch._VF, kind)
    biases = len(parameters) >= 4
    # has_biases, num_layers, dropout, train, bidirectional, batch_first
    train = torch.is_grad_enabled() or tracing()  # a traced graph serves both
    options = (biases, 1, 0.0, train, False, False)
    return run(x, state if kind == "lstm" else state[0], parameters, *options)


def refresh(module: torch.nn.RNNBase) -> None:
    """Let a module of torch see parameters that were replaced, as ``functional_call`` does."""
    module._update_flat_weights()
