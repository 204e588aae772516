"""Step by step through the engine = the stack over time, whatever its options."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.kernels import stepper
from lamina.nn import Stack, StackOptions
from lamina.spec import LaminaError, State
from laws import options, stack

pytestmark = pytest.mark.skipif(stepper._core is None, reason="the C++ core was not built")

EPS = 2.0**-23


def numbers(outputs: torch.Tensor, state: State) -> torch.Tensor:
    """All that a run gives, in float64."""
    parts = [outputs, *(part for layer in state for part in layer)]
    return torch.cat([part.double().flatten() for part in parts])


def perturbed(net: Stack, x: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """How far the exact numbers move when each weight moves by a unit of rounding: what no
    computation in float32 can know better. Layer normalisation of almost equal numbers moves far.
    """
    moved = torch.zeros(())
    kept = {name: p.clone() for name, p in net.named_parameters()}
    for _ in range(3):
        for name, p in net.named_parameters():
            p.copy_(kept[name] * (1 + EPS * torch.randn_like(p)))
        moved = torch.maximum(moved, (numbers(*net(x)) - exact).abs().max())
    for name, p in net.named_parameters():
        p.copy_(kept[name])
    return moved


#: The cells that the core can step.
STEPPED = ("rnn", "gru", "lstm")


@torch.no_grad()
@given(options(causal=True, cells=STEPPED), st.integers(1, 8), st.integers(1, 5))
def test_step_by_step_equals_the_scan(chosen: StackOptions, batch: int, steps: int) -> None:
    net = stack(chosen)  # in evaluation
    torch.manual_seed(1)
    for p in net.parameters():
        p.add_(torch.randn_like(p) * 0.1)  # gains and shifts of norms are not the trivial ones
    net.float().double()  # what float32 can hold
    x = torch.randn(steps, batch, 3).double()
    exact = numbers(*net(x))
    floor = 4 * perturbed(net, x, exact) + 8 * EPS * exact.abs().max()
    net.float()
    plain = numbers(*net(x.float(), backend="reference"))

    step = net.stepper(batch)
    outputs = np.stack([step(row) for row in x.float().numpy()])
    got = numbers(torch.from_numpy(outputs), step.state)
    assert (got - exact).abs().max() <= 2 * (plain - exact).abs().max() + floor


@torch.no_grad()
@given(options(causal=True, cells=STEPPED), st.integers(0, 3))
def test_a_stream_passes_between_scan_and_engine(chosen: StackOptions, cut: int) -> None:
    net = stack(chosen).float()
    x = torch.randn(4, 2, 3)
    whole, _ = net(x)
    _, state = net(x[:cut])
    step = net.stepper(2)
    step.state = state
    rest = [step(row) for row in x[cut:].numpy()]
    torch.testing.assert_close(torch.from_numpy(np.stack(rest)), whole[cut:], atol=1e-3, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("width", [33, 257])
def test_sizes_that_fit_nothing(cell: str, width: int) -> None:
    torch.manual_seed(0)
    net = Stack(7, cell=cell, depth=3, width=(width, 40, 40), residual=True, norm="layer").eval()
    x = torch.randn(6, 3, 7)
    want, _ = net(x)
    step = net.stepper(3)
    got = torch.from_numpy(np.stack([step(row) for row in x.numpy()]))
    torch.testing.assert_close(got, want, atol=2e-5, rtol=2e-5)


@torch.no_grad()
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("residual", [False, True])
def test_int8_follows_for_many_steps(cell: str, residual: bool) -> None:
    """Rounding a weight is a hundredth of a row's largest; a trained-like stack does not add it
    up over time."""
    torch.manual_seed(0)
    net = Stack(32, cell=cell, depth=2, width=64, init="uniform", residual=residual).eval()
    x = torch.randn(60, 2, 32)
    want, _ = net(x)
    step = net.stepper(2, weights="int8")
    got = torch.from_numpy(np.stack([step(row) for row in x.numpy()]))
    error = (got - want).abs().amax(dim=(1, 2))
    assert 0 < error.max() < 0.02 * want.abs().max()
    assert error[-10:].max() < 2 * error[5:15].max() + 1e-3


@torch.no_grad()
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_tokens(norm: str) -> None:
    torch.manual_seed(0)
    net = stack(StackOptions(cell="gru", width=6, norm=norm), inputs=4).float()  # type: ignore[arg-type]
    tokens = torch.tensor([[3, 0], [1, 1], [0, 2]])
    onehot = torch.nn.functional.one_hot(tokens, 4).float()
    step = net.stepper(2, embedding="onehot")
    got = np.stack([step(row) for row in tokens.numpy()])
    torch.testing.assert_close(torch.from_numpy(got), net(onehot)[0], atol=1e-5, rtol=1e-5)

    rows = torch.randn(9, 4)
    step = net.stepper(2, embedding=rows)
    got = np.stack([step(row) for row in tokens.numpy()])
    torch.testing.assert_close(torch.from_numpy(got), net(rows[tokens])[0], atol=1e-5, rtol=1e-5)
    with pytest.raises(LaminaError, match=r"embedding is \(9, 5\); need \(V, I=4\)"):
        net.stepper(embedding=torch.zeros(9, 5))


def test_it_is_the_stack_in_evaluation_as_it_was() -> None:
    torch.manual_seed(0)
    net = Stack(3, cell="rnn", depth=2, width=4, norm="batch", dropout=0.5, recurrent_dropout=0.5)
    net(torch.randn(5, 4, 3))  # running statistics that are not the trivial ones
    step, x = net.stepper(), torch.randn(1, 1, 3)
    assert net.training
    with torch.no_grad():
        want = net.eval()(x)[0][0]
        for p in net.parameters():
            p.zero_()
    torch.testing.assert_close(torch.from_numpy(step(x[0])), want, atol=1e-6, rtol=1e-5)


def test_what_reads_from_the_end_is_refused() -> None:
    with pytest.raises(LaminaError, match="bidirectional=False"):
        Stack(3, bidirectional=True).stepper()
