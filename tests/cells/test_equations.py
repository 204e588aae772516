"""Each cell against a few lines of numpy written from its paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lamina.cells import CELLS, Weights
from lamina.kernels import scan
from lamina.nn import Stack

Array = NDArray[np.float64]
STEPS, BATCH, INPUTS, H = 6, 3, 4, 5


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def mgu(x: Array, w: Array, u: Array, b: Array) -> list[Array]:
    """Zhou et al. (2016), equations 5-7."""
    (w_f, w_h), (u_f, u_h), (b_f, b_h) = (np.split(part, 2) for part in (w, u, b))
    h, outputs = np.zeros((BATCH, H)), []
    for x_t in x:
        f = sigmoid(x_t @ w_f.T + h @ u_f.T + b_f)
        candidate = np.tanh(x_t @ w_h.T + (f * h) @ u_h.T + b_h)
        h = (1 - f) * h + f * candidate
        outputs.append(h)
    return outputs


def indrnn(x: Array, w: Array, u: Array, b: Array) -> list[Array]:
    """Li et al. (2018), equation 2, with ReLU."""
    h, outputs = np.zeros((BATCH, H)), []
    for x_t in x:
        h = np.maximum(x_t @ w.T + u * h + b, 0)
        outputs.append(h)
    return outputs


def mingru(x: Array, w: Array, u: None, b: Array) -> list[Array]:
    """Feng et al. (2024), section 3.1.3."""
    (w_z, w_h), (b_z, b_h) = np.split(w, 2), np.split(b, 2)
    h, outputs = np.zeros((BATCH, H)), []
    for x_t in x:
        z = sigmoid(x_t @ w_z.T + b_z)
        h = (1 - z) * h + z * (x_t @ w_h.T + b_h)
        outputs.append(h)
    return outputs


def slstm(x: Array, w: Array, u: Array, b: Array) -> list[Array]:
    """Beck et al. (2024), equations 8-14: as they stand, before the stabiliser."""
    h, c, n, outputs = np.zeros((BATCH, H)), np.zeros((BATCH, H)), np.zeros((BATCH, H)), []
    for x_t in x:
        i, f, z, o = np.split(x_t @ w.T + h @ u.T + b, 4, axis=1)
        i, f, z, o = np.exp(i), sigmoid(f), np.tanh(z), sigmoid(o)
        c, n = f * c + i * z, f * n + i
        h = o * c / n
        outputs.append(h)
    return outputs


PAPERS: dict[str, Callable[..., list[Array]]] = {
    "mgu": mgu,
    "indrnn": indrnn,
    "mingru": mingru,
    "slstm": slstm,
}


def drawn(cell: str, scale: float = 1.0) -> tuple[Any, ...]:
    g = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=g, dtype=torch.float64)

    kind = CELLS[cell]
    rows, shape = len(kind.gates) * H, kind.recurrent_shape(H)
    u = None if shape is None else normal(*shape) / 2
    return normal(STEPS, BATCH, INPUTS), normal(rows, INPUTS), u, normal(rows)


def weights(cell: str, w: Any, u: Any, b: Any) -> Weights:
    dense = CELLS[cell].recurrence == "dense"
    return Weights(w, u, b, torch.zeros_like(b) if dense else None)


def start(cell: str, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    kind = CELLS[cell]
    return tuple(torch.full((BATCH, H), kind.initial.get(p, 0.0), dtype=dtype) for p in kind.parts)


@pytest.mark.parametrize("cell", PAPERS)
def test_a_cell_is_its_paper(cell: str) -> None:
    x, w, u, b = drawn(cell)
    outputs, _ = scan(
        cell,
        x,
        start(cell),
        weights(cell, w, u, b),
        activation=CELLS[cell].activations[0],
    )
    right = PAPERS[cell](*(None if part is None else part.numpy() for part in (x, w, u, b)))
    np.testing.assert_allclose(outputs.numpy(), np.stack(right), rtol=1e-12, atol=1e-12)


def test_every_new_cell_has_its_paper_here() -> None:
    assert set(PAPERS) == set(CELLS) - {"rnn", "gru", "lstm"}  # these: torch's own, in tests/nn


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_slstm_is_finite_where_its_exponentials_are_not(sign: float) -> None:
    """Without the stabiliser, exp(200) would overflow float32 and exp(-200) divide 0 by 0."""
    _, w, u, _ = drawn("slstm", scale=0.1)
    b = torch.zeros(4 * H, dtype=torch.float64)
    b[:H] = 200.0 * sign
    x = torch.randn(
        STEPS, BATCH, INPUTS, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    given = weights("slstm", w.float(), u.float(), b.float())
    outputs, state = scan("slstm", x, start("slstm", torch.float32), given)
    assert outputs.isfinite().all()
    assert (outputs.abs() <= 1).all()  # a mean of tanh, times a gate
    assert all(part.isfinite().all() for part in state)
    assert torch.autograd.grad(outputs.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 1000])
@pytest.mark.parametrize("reverse", [False, True])
def test_mingru_in_parallel_is_mingru_step_by_step(steps: int, reverse: bool) -> None:
    """Also over many steps in float32: no product grows."""
    g = torch.Generator().manual_seed(steps)
    x, w = torch.randn(steps, BATCH, INPUTS, generator=g), torch.randn(2 * H, INPUTS, generator=g)
    lengths = torch.tensor([steps, max(1, steps // 2), 1])
    arguments = (x, (torch.randn(BATCH, H, generator=g),), Weights(w, None), lengths)
    found = [
        scan("mingru", *arguments, reverse=reverse, backend=backend)
        for backend in ("parallel", "reference")
    ]
    for one, other in zip(*((out, *state) for out, state in found), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_indrnn_starts_within_the_bound_of_its_paper() -> None:
    """``|u| <= 2^(1/T)`` for every T, that is at most 1."""
    u = Stack(3, cell="indrnn", depth=1, width=1000).layers[0].directions[0].weight_hh
    assert u.shape == (1000,)
    assert 0 <= u.min().item() < 0.05
    assert 0.95 < u.max().item() <= 1


def test_units_of_an_indrnn_do_not_see_each_other() -> None:
    x, w, u, b = drawn("indrnn")
    h = (torch.zeros(BATCH, H, dtype=torch.float64).requires_grad_(),)
    outputs, _ = scan("indrnn", x, h, weights("indrnn", w, u, b), activation="tanh")
    (grad,) = torch.autograd.grad(outputs[-1, :, 2].sum(), h)
    assert (grad[:, 2] != 0).all()
    assert (grad[:, [0, 1, 3, 4]] == 0).all()
