"""The core's gradients are differentiated again: as the equations are, in float64."""

from __future__ import annotations

import pytest
import torch

from conformance import Case, cases, leaves, request, run
from lamina.kernels import native
from lamina.kernels.request import Request
from lamina.nn import GRU, LSTM, RNN

pytestmark = pytest.mark.skipif(native._core is None, reason="the core is not built")
KNOWN_CELLS = ("rnn", "gru", "lstm")


def second(asked: Request, backend: str) -> list[torch.Tensor]:
    """Gradients of a penalty on gradients."""
    outputs, state = run(asked, backend)
    draw = torch.Generator().manual_seed(1)
    seeds = [torch.randn(part.shape, generator=draw).to(part) for part in (outputs, *state)]
    parts = leaves(asked)
    first = torch.autograd.grad((outputs, *state), parts, seeds, create_graph=True)
    penalty = sum((grad.tanh() * (k + 1)).sum() for k, grad in enumerate(first))
    return [
        torch.zeros_like(part) if grad is None else grad
        for part, grad in zip(
            parts, torch.autograd.grad(penalty, parts, allow_unused=True), strict=True
        )
    ]


#: Without a step or a member there is nothing to differentiate.
SOME = [
    case
    for case in cases()
    if case.cell in KNOWN_CELLS and not case.projection and case.steps and case.batch
]


@pytest.mark.parametrize("case", SOME, ids=str)
def test_the_core_is_differentiated_twice_as_the_equations_are(case: Case) -> None:
    exact = request(case)
    exact.x.data.nan_to_num_(0.0)
    need = second(exact, "reference")
    single = request(case, dtype=torch.float32)
    single.x.data.nan_to_num_(0.0)
    scale = max(float(want.abs().max()) for want in need if want.numel())
    for got, want in zip(second(single, "native"), need, strict=True):
        torch.testing.assert_close(got.double(), want, rtol=2e-4, atol=2e-5 * scale)


def test_a_third_derivative_is_that_of_the_equations() -> None:
    third = []
    for dtype, backend in ((torch.float64, "reference"), (torch.float32, "native")):
        given = request(Case("gru"), dtype=dtype)
        x = given.x.data.nan_to_num_(0.0).requires_grad_()
        value = run(given._replace(x=x), backend)[0].sum()
        for _ in range(3):
            (grad,) = torch.autograd.grad(value, x, create_graph=True)
            value = grad.square().sum()
        third.append(grad.double())
    torch.testing.assert_close(third[1], third[0], rtol=1e-3, atol=1e-4)


def test_a_weight_that_is_given_twice_has_the_gradient_of_both_uses() -> None:
    found = []
    for backend in ("reference", "native"):
        given = request(Case("rnn"), dtype=torch.float32)
        x, shared = given.x.data.nan_to_num_(0.0), given.weights.b_ih
        weights = given.weights._replace(b_hh=shared)
        outputs, _ = run(given._replace(x=x, weights=weights), backend)
        (grad,) = torch.autograd.grad(outputs.square().sum(), shared, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), shared)[0])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [RNN, GRU, LSTM])
def test_a_layer_has_the_hessian_of_torchs(layer: type[torch.nn.RNNBase]) -> None:
    torch.manual_seed(0)
    ours = layer(2, 3, num_layers=2)
    theirs = getattr(torch.nn, layer.__name__)(2, 3, num_layers=2)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, 1, 2)
    hessians = [
        torch.autograd.functional.hessian(lambda x, net=net: net(x)[0].square().sum(), x)
        for net in (ours, theirs)
    ]
    torch.testing.assert_close(hessians[0], hessians[1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("change", [lambda out: out.relu_(), lambda out: out[2:].zero_()])
@pytest.mark.parametrize("layer", [RNN, GRU, LSTM])
def test_what_a_layer_returns_may_be_changed_in_place(layer, change) -> None:
    torch.manual_seed(0)
    ours = layer(2, 3)
    theirs = getattr(torch.nn, layer.__name__)(2, 3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, 2, 2)
    for net in (ours, theirs):
        out = net(x)[0]
        if type(net) is torch.nn.LSTM:  # oneDNN keeps its outputs
            out = out.clone()
        change(out)
        out.square().sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
