"""``torch.compile``: one graph, the same numbers, and no new graph for each size."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from lamina.kernels import native
from lamina.nn import Stack, StackOptions

pytestmark = pytest.mark.skipif(native._core is None, reason="the core is not built")

PLAIN = StackOptions(cell="gru", depth=2, width=5)
WIDE = StackOptions(
    cell="lstm", depth=2, width=(5, 6), norm="layer", bidirectional=True, residual=True
)
DROPPED = StackOptions(
    cell="rnn", depth=2, width=5, norm="batch", dropout=0.3, recurrent_dropout=0.3
)
INPUTS = {
    "dense": {"x": torch.randn(4, 2, 3)},
    "lengths": {"x": torch.randn(4, 2, 3), "lengths": torch.tensor([2, 4])},
    "table": {"x": torch.randn(7, 3), "tokens": torch.tensor([[6, 0], [1, 6]])},
    "one-hots": {
        "x": None,
        "tokens": torch.tensor([[2, 0], [1, 9]]),  # the second has one step
        "lengths": torch.tensor([2, 1]),
    },
}


@pytest.fixture(autouse=True)
def _forget_graphs() -> None:
    torch._dynamo.reset()


def values(net: torch.nn.Module, given: dict[str, Any]) -> list[Tensor]:
    """Outputs, state, and gradients of input and weights, in training."""
    x = given["x"] if given["x"] is None else given["x"].clone().requires_grad_()
    torch.manual_seed(1)
    outputs, state = net(**{**given, "x": x})
    made = [outputs, *(part for layer in state for part in layer)]
    leaves = [*net.parameters(), *(() if x is None else (x,))]
    loss = sum((part * torch.linspace(1, 2, part.shape[-1])).sum() for part in made)
    return [*made, *torch.autograd.grad(loss, leaves)]  # type: ignore[arg-type]


CASES = [*((PLAIN, name) for name in INPUTS), (WIDE, "lengths"), (DROPPED, "one-hots")]


@pytest.mark.parametrize(("options", "name"), CASES, ids=lambda v: getattr(v, "cell", v))
def test_one_graph_gives_the_same(options: StackOptions, name: str) -> None:
    net = Stack(3, options)
    compiled = torch.compile(copy.deepcopy(net), backend="aot_eager", fullgraph=True)
    for got, need in zip(values(compiled, INPUTS[name]), values(net, INPUTS[name]), strict=True):
        torch.testing.assert_close(got, need)  # torch puts some operations in other words


@pytest.mark.parametrize("training", [True, False])
def test_a_graph_serves_every_size(training: bool) -> None:
    counter = CompileCounterWithBackend("aot_eager")
    net = Stack(3, PLAIN)
    compiled = torch.compile(copy.deepcopy(net), backend=counter, fullgraph=True)
    with torch.set_grad_enabled(training):
        for steps, batch in ((3, 2), (4, 2), (5, 3), (6, 4), (9, 7)):
            x, lengths = torch.randn(steps, batch, 3), torch.arange(batch) % steps + 1
            outputs, state = compiled(x, lengths=lengths)
            torch.testing.assert_close((outputs, state), net(x, lengths=lengths))
            if training:
                outputs.sum().backward()
    assert counter.frame_count <= 3  # for the first size, for all T, for all T and B


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_graph_refuses_what_it_cannot_run(dtype: torch.dtype) -> None:
    compiled = torch.compile(Stack(3, PLAIN).to(dtype), backend="aot_eager", fullgraph=True)
    for length in (0, 5):
        with pytest.raises(RuntimeError, match=r"a length is not in 1\.\.T"):
            compiled(torch.zeros(4, 2, 3, dtype=dtype), lengths=torch.tensor([length, 1]))
    for token in (-1, 3):
        with pytest.raises(RuntimeError, match="a token is no row of the table"):
            compiled(None, tokens=torch.full((4, 2), token))


def test_an_exported_stack_takes_every_size() -> None:
    net = Stack(3, WIDE)
    steps, batch = torch.export.Dim("T"), torch.export.Dim("B")
    given = {"x": torch.randn(4, 2, 3), "lengths": torch.tensor([4, 2])}
    program = torch.export.export(
        net, (), given, dynamic_shapes={"x": {0: steps, 1: batch}, "lengths": {0: batch}}
    )
    other = {"x": torch.randn(7, 3, 3), "lengths": torch.tensor([1, 7, 3])}
    torch.testing.assert_close(program.module()(**other), net(**other))
