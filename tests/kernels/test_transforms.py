"""Forward-mode differentiation and torch.func: a kernel that cannot follow says so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from conformance import Case, request
from lamina.cells import CELLS
from lamina.kernels import BACKENDS, native, scan
from lamina.spec import LaminaError


def loss(cell: str, backend: str = "auto") -> tuple[Any, Tensor]:
    """A function of the input, and an input."""
    case = Case(cell)
    given = request(case, dtype=torch.float32)
    state, weights = given.state, given.weights

    def of(x: Tensor) -> Tensor:
        return scan(cell, x, state, weights, backend=backend)[0].square().sum()

    return of, torch.rand_like(given.x).detach()


def twice(x: Tensor) -> Tensor:
    return torch.stack([x, 2 * x])


def gradient(f: Any, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]


#: Name -> the transform of a function, and the same numbers without it.
TRANSFORMS: dict[str, tuple[Any, Any]] = {
    "jvp": (
        lambda f, x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1],
        lambda f, x: gradient(f, x).sum(),
    ),
    "grad": (lambda f, x: torch.func.grad(f)(x), gradient),
    "vmap": (
        lambda f, x: torch.func.vmap(f)(twice(x)),
        lambda f, x: torch.stack([f(x), f(2 * x)]),
    ),
    "grad of each": (
        lambda f, x: torch.func.vmap(torch.func.grad(f))(twice(x)),
        lambda f, x: torch.stack([gradient(f, x), gradient(f, 2 * x)]),
    ),
    "grad of all": (
        lambda f, x: torch.func.grad(lambda x: torch.func.vmap(f)(twice(x)).sum())(x),
        lambda f, x: gradient(f, x) + 2 * gradient(f, 2 * x),
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_transform_sees_the_equations(cell: str, name: str) -> None:
    f, x = loss(cell)
    transformed, plain = TRANSFORMS[name]
    torch.testing.assert_close(transformed(f, x), plain(f, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_tangents_are_not_lost(cell: str) -> None:
    f, x = loss(cell)
    with forward_ad.dual_level():
        forwards = forward_ad.unpack_dual(f(forward_ad.make_dual(x, torch.ones_like(x)))).tangent
    x.requires_grad_()
    backwards = torch.autograd.grad(f(x), x)[0].sum()
    assert forwards is not None
    torch.testing.assert_close(forwards, backwards, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", sorted(BACKENDS.keys() - {"reference", "parallel"}))
def test_a_kernel_asked_for_by_name_refuses(backend: str) -> None:
    f, x = loss("gru", backend)
    if BACKENDS[backend] is native and native._core is None:
        pytest.skip("the core is not built")
    with pytest.raises(LaminaError, match=r"the transforms of torch\.func"):
        torch.func.grad(f)(x)
    with forward_ad.dual_level(), pytest.raises(LaminaError, match="forward-mode"):
        f(forward_ad.make_dual(x, torch.ones_like(x)))


@pytest.mark.skipif(native._core is None, reason="the core is not built")
def test_the_operator_alone_refuses_tangents() -> None:
    """As in a program that was exported: nobody chooses a kernel there."""
    x, h, w_ih, w_hh = (torch.rand(size) for size in ((3, 2, 4), (2, 5), (15, 4), (15, 5)))
    with forward_ad.dual_level():
        x = forward_ad.make_dual(x, torch.ones_like(x))
        given = ("gru", False, False, None, None, None, x, h, None, w_ih, w_hh, *[None] * 6)
        with pytest.raises(NotImplementedError, match="jvp"):
            native.recurrence(*given)
