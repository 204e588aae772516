"""torch's private names, one by one: what each is for, so that a new torch says what it broke."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

from lamina.kernels import private


def test_below_autograd_hides_an_operator_from_it() -> None:
    """``native`` runs its operators in here, or they would call themselves without end."""
    x = torch.ones(2, requires_grad=True)
    with private.below_autograd():
        below = x * 2
    assert not below.requires_grad
    assert (x * 2).requires_grad


def test_tangents_tell_forward_mode() -> None:
    """Without it a fused kernel would lose tangents in silence."""
    assert not private.tangents()
    with forward_ad.dual_level():
        assert private.tangents()
    assert not private.tangents()


def test_functional_transform_tells_torch_func() -> None:
    """Without it ``torch.func`` would be sent to a kernel that it cannot see into."""
    seen = []

    def f(x: torch.Tensor) -> torch.Tensor:
        seen.append(private.functional_transform())
        return x.sum()

    f(torch.ones(2))
    torch.func.grad(f)(torch.ones(2))
    torch.func.vmap(f)(torch.ones(2, 2))
    assert seen == [False, True, True]


def test_require_raises_where_a_check_must_stay_in_a_graph() -> None:
    private.require(torch.tensor([True, True]), "all is well")
    with pytest.raises(RuntimeError, match="a token is no row"):
        private.require(torch.tensor([True, False]), "a token is no row")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["rnn_tanh", "rnn_relu", "gru", "lstm"])
def test_dense_layer_is_what_torchs_modules_run(kind: str, bias: bool) -> None:
    """``library`` calls torch's fused recurrences below their modules."""
    torch.manual_seed(0)
    name, *activation = kind.split("_")
    options = {"nonlinearity": activation[0]} if activation else {}
    module = getattr(torch.nn, name.upper())(3, 4, bias=bias, **options)
    x, h = torch.randn(5, 2, 3), torch.randn(1, 2, 4)
    state = [h, torch.randn(1, 2, 4)] if kind == "lstm" else [h]
    outputs, *final = private.dense_layer(kind, x, state, list(module.parameters()))
    right, theirs = module(x, tuple(state) if kind == "lstm" else h)
    torch.testing.assert_close(outputs, right)
    for part, same in zip(final, theirs if kind == "lstm" else (theirs,), strict=True):
        torch.testing.assert_close(part, same)


def test_dense_layer_takes_a_projection_without_biases() -> None:
    """How many tensors there are is all that tells biases from none."""
    module = torch.nn.LSTM(3, 4, bias=False, proj_size=2)
    x, state = torch.randn(5, 2, 3), [torch.randn(1, 2, 2), torch.randn(1, 2, 4)]
    outputs, *_ = private.dense_layer("lstm", x, state, list(module.parameters()))
    torch.testing.assert_close(outputs, module(x, tuple(state))[0])


def test_refresh_lets_a_module_see_other_parameters() -> None:
    """A drop-in under ``functional_call`` would else run with the parameters it was made with."""
    module = torch.nn.RNN(3, 4)
    del module.weight_ih_l0
    module.weight_ih_l0 = torch.nn.Parameter(torch.zeros(4, 3))
    private.refresh(module)
    assert any(weight is module.weight_ih_l0 for weight in module._flat_weights)
