"""The same network on each side: shapes, copies of weights, sides that train and that run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import lamina.nn
from kernel_rows.contest import Side
from lamina.cells import CELLS

#: What torch has as well, and runs in kernels of its own.
CELL_NAMES = ("lstm", "gru", "rnn")
TORCH = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
LAMINA = {"lstm": lamina.nn.LSTM, "gru": lamina.nn.GRU, "rnn": lamina.nn.RNN}
#: torch's names of a layer's weights and lamina's.
NAMES = {
    f"{kind}_{side}_l": f"{kind}_{side}" for kind in ("weight", "bias") for side in ("ih", "hh")
}


@dataclass(frozen=True)
class Shape:
    """A network of ``depth`` layers of ``width`` units, over inputs of the same width."""

    cell: str
    width: int = 256
    batch: int = 32
    steps: int = 35
    depth: int = 2

    def __str__(self) -> str:
        return f"{self.name}, B {self.batch}, T {self.steps}"

    @property
    def name(self) -> str:
        """Without the batch."""
        return f"{self.cell.upper()} {self.depth}x{self.width}"

    def small(self) -> Shape:
        """For the quick mode: sizes that are no multiple of anything."""
        return replace(self, width=19, batch=min(self.batch, 5), steps=min(self.steps, 7))

    def gflop(self) -> float:
        """Of the matrix products of a training step without the gradient of ``x``: forward,
        gradients of weights, and gradients of all inputs of products but the first layer's."""
        rows = self.steps * self.batch
        product = 2e-9 * rows * len(CELLS[self.cell].gates) * self.width * self.width
        return product * (6 * self.depth - 1)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def torch_network(shape: Shape, inputs: int | None = None) -> nn.RNNBase:
    """torch's module, the same at each call."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return TORCH[shape.cell](inputs or shape.width, shape.width, shape.depth)


def drop_in(network: nn.RNNBase, cell: str) -> nn.RNNBase:
    """lamina's module with the same weights."""
    twin = LAMINA[cell](network.input_size, network.hidden_size, network.num_layers)
    twin.load_state_dict(network.state_dict())
    return twin


def stack(network: nn.RNNBase, cell: str) -> lamina.nn.Stack:
    """lamina's own network with the same weights."""
    twin = lamina.nn.Stack(
        network.input_size, cell=cell, depth=network.num_layers, width=network.hidden_size
    )
    with torch.no_grad():
        for name, weight in stack_weights(twin).items():
            weight.copy_(network.get_parameter(name))
    return twin


def stack_weights(network: lamina.nn.Stack) -> dict[str, nn.Parameter]:
    """The weights of a stack without normalisation by torch's names."""
    return {
        f"{theirs}{index}": network.get_parameter(f"layers.{index}.directions.0.{ours}")
        for index in range(network.options.depth)
        for theirs, ours in NAMES.items()
    }


def training(
    name: str,
    forward: Callable[[], Tensor],
    weights: Mapping[str, Tensor],
    gradient: Tensor,
    gflop: float | None = None,
) -> Side:
    """Forward and backward, from the ``gradient`` of the outputs to that of every weight.

    Outputs are compared where they have a gradient: padding may hold anything.
    """
    asked = gradient != 0

    def run() -> Tensor:
        for weight in weights.values():
            weight.grad = None
        outputs = forward()
        outputs.backward(gradient)
        return outputs

    def values() -> dict[str, Tensor]:
        seen = {"outputs": run().detach() * asked}
        for key, weight in weights.items():
            assert weight.grad is not None, f"{name} gave {key} no gradient"
            seen[f"gradient of {key}"] = weight.grad.clone()
        return seen

    return Side(name, run, values, gflop)


def module_training(
    name: str, module: nn.Module, x: Tensor, gradient: Tensor, gflop: float | None = None
) -> Side:
    """:func:`training` of a module of torch's kind."""
    weights = dict(module.named_parameters())
    return training(name, lambda: module(x)[0], weights, gradient, gflop)
