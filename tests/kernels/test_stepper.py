"""The step engine by itself: what 8-bit weights may cost, what is refused, what is kept."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lamina.cells import CELLS
from lamina.kernels import Weights, scan, stepper
from lamina.kernels.stepper import StepLayer, Stepper, StepWeights
from lamina.spec import LaminaError

needs_core = pytest.mark.skipif(stepper._core is None, reason="the C++ core was not built")
CELL_NAMES = ("rnn", "gru", "lstm")


def layer(cell: str, inputs: int, hidden: int, scale: float = 1.0) -> StepLayer:
    rows = len(CELLS[cell].gates) * hidden
    shapes = (rows, inputs), (rows, hidden), (rows,), (rows,)
    return StepLayer(Weights(*(torch.randn(shape) * scale for shape in shapes)))


def one(cell: str = "lstm", batch: int = 2, weights: StepWeights = "float32") -> Stepper:
    torch.manual_seed(0)
    return Stepper(cell, [layer(cell, 3, 5), layer(cell, 5, 4)], batch=batch, weights=weights)


def product_bound(w: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """How far a row of ``w`` times ``x`` can be off: half a unit of rounding of each factor."""
    w, x = np.abs(w.astype(np.float64)), np.abs(x.astype(np.float64))
    s, r = w.max(axis=1) / 127, x.max() / 32767
    return s / 2 * x.sum() + r / 2 * (w + s[:, None] / 2).sum(axis=1)


@needs_core
@given(st.sampled_from(CELL_NAMES), st.integers(1, 70), st.integers(1, 40), st.integers(0, 99))
def test_int8_stays_in_its_bound(cell: str, inputs: int, hidden: int, seed: int) -> None:
    """From the bound of the products through the equations: |σ'| <= 1/4, |tanh'| <= 1."""
    torch.manual_seed(seed)
    made = layer(cell, inputs, hidden, scale=0.5)
    x = torch.randn(1, inputs)
    parts = CELLS[cell].parts
    state = tuple(torch.rand(1, hidden) * 2 - 1 for _ in parts)
    step = Stepper(cell, [made], weights="int8")
    step.state = (tuple(part[None] for part in state),)
    got = step(x)[0]
    double = tuple(part.double() for part in state)
    want = scan(cell, x.double()[None], double, made.weights.to(torch.float64))[0]
    error = np.abs(got - want[0, 0].numpy())

    w_ih, w_hh, _, b_hh = (t.numpy() for t in made.weights[:4] if t is not None)
    h = state[0].numpy()[0]
    wx = np.split(product_bound(w_ih, x.numpy()[0]), len(CELLS[cell].gates))
    uh = np.split(product_bound(w_hh, h), len(CELLS[cell].gates))
    both = [a + b for a, b in zip(wx, uh, strict=True)]
    if cell == "rnn":
        bound = both[0]
    elif cell == "gru":
        u_n = np.abs(w_hh @ h + b_hh)[2 * hidden :]
        n = wx[2] + uh[2] + u_n * both[0] / 4
        bound = n + (np.abs(h) + 1) * both[1] / 4
    else:
        c = np.abs(state[1].numpy()[0]) * both[1] / 4 + both[2] + both[0] / 4
        bound = c + both[3] / 4
    assert (error <= bound + 1e-5).all()


@needs_core
@pytest.mark.parametrize("size", [2, 255, 256, 257, 2000])
def test_whole_numbers_lose_nothing_in_int8(size: int) -> None:
    """Weights that are whole multiples of their row's unit: what is left is the 16-bit input, and
    its sum does not leave 32 bits, however long it is."""
    rng = np.random.default_rng(size)
    w = rng.integers(100, 128, (8, size)) * 2.0**-12
    w[:, 0] = 127 * 2.0**-12
    x = rng.uniform(0.9, 1, (1, size)).astype(np.float32)
    zero = torch.zeros(8)
    weights = Weights(torch.tensor(w, dtype=torch.float32), torch.zeros(8, 8), zero, zero)
    step = Stepper("rnn", [StepLayer(weights, "relu")], weights="int8")
    want = w @ x[0].astype(np.float64)
    bound = x.max() / 32767 / 2 * w.sum(axis=1) + 1e-6 * want
    assert (np.abs(step(x)[0] - want) <= bound).all()


@needs_core
@pytest.mark.parametrize("weights", ["float32", "int8"])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_batch_is_its_members(cell: str, weights: StepWeights) -> None:
    for batch in range(1, 9):
        together = one(cell, batch, weights)
        alone = [one(cell, 1, weights) for _ in range(batch)]
        for _ in range(3):
            x = np.random.default_rng(batch).standard_normal((batch, 3)).astype(np.float32)
            apart = np.concatenate([step(x[b : b + 1]) for b, step in enumerate(alone)])
            assert np.array_equal(together(x), apart)  # the same bits


@needs_core
@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_what_is_no_number_stays_none(weights: StepWeights) -> None:
    step = one("gru", 2, weights)
    x = np.zeros((2, 3), np.float32)
    x[0, 1] = np.nan
    out = step(x)
    assert np.isnan(out[0]).all()
    assert np.isfinite(out[1]).all()
    step.reset()
    assert np.isfinite(step(np.zeros((2, 3), np.float32))).all()


@needs_core
def test_outputs_are_kept_by_the_caller() -> None:
    step = one()
    x = np.ones((2, 3), np.float32)
    first = step(x)
    copy = first.copy()
    second = step(x)
    assert not np.array_equal(first, second)  # the state went on
    assert np.array_equal(first, copy)
    del step
    gc.collect()
    assert np.array_equal(first, copy)


@needs_core
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_saved_state_goes_on(cell: str) -> None:
    step, x = one(cell), np.ones((2, 3), np.float32)
    step(x)
    state = step.state
    assert [[tuple(part.shape) for part in row] for row in state] == [
        [(1, 2, 5)] * len(CELLS[cell].parts),
        [(1, 2, 4)] * len(CELLS[cell].parts),
    ]
    ahead = step(x)
    other = one(cell)
    other.state = state
    assert np.array_equal(other(x), ahead)
    assert not np.array_equal(step.state[0][0], state[0][0])  # a copy
    step.reset()
    assert all((part == 0).all() for row in step.state for part in row)


@needs_core
def test_large_weights_may_use_several_threads_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.random.default_rng(0).standard_normal((12, 1, 3)).astype(np.float32)
    alone = one(batch=1)
    monkeypatch.setattr(stepper, "BYTES_A_THREAD", 1)
    monkeypatch.setattr(stepper.threads, "count", lambda: 3)
    several = one(batch=1)
    assert alone.threads == 1
    assert several.threads == 3
    for row in x:
        assert np.array_equal(alone(row), several(row))


GOOD = np.zeros((2, 3), np.float32)


@needs_core
@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((3, 3), np.float32), r"x is \(3, 3\)"),
        (np.zeros((2, 4), np.float32), r"x is \(2, 4\)"),
        (np.zeros(6, np.float32), r"x is \(6,\)"),
        (np.zeros((1, 2, 3), np.float32), r"x is \(1, 2, 3\)"),
        (np.float32(1), r"x is \(\)"),
        (GOOD.astype(np.float64), "type 'd'"),
        (GOOD.astype(np.float16), "type 'e'"),
        (GOOD.astype(">f4"), "type '>f'"),
        (GOOD.astype(np.int32), "type 'i'"),
        (np.zeros((2, 6), np.float32)[:, ::2], "not contiguous"),
        (np.zeros((3, 2), np.float32).T, "not contiguous"),
        (GOOD[::-1], "not contiguous"),
        (np.broadcast_to(np.float32(0), (2, 3)), "not contiguous"),
        (torch.zeros(2, 3).double(), "type 'd'"),
        (torch.zeros(2, 3).bfloat16(), "numpy"),
        (torch.zeros(3, 2).T, "not contiguous"),
        (torch.zeros(2, 3, device="meta"), "meta"),
        ([[0.0] * 3] * 2, "list"),
        (None, "NoneType"),
        (b"0123456789", "type 'B'"),
    ],
)
def test_what_does_not_fit_is_refused(x: Any, said: str) -> None:
    step = one()
    step(GOOD + 1)
    before = step.state
    with pytest.raises(LaminaError, match=said):
        step(x)
    assert all(
        torch.equal(a, b)
        for rows in zip(step.state, before, strict=True)
        for a, b in zip(*rows, strict=True)
    )


@needs_core
def test_tensors_and_read_only_arrays_are_read() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    want = one()(x)
    assert np.array_equal(one()(torch.from_numpy(x)), want)
    assert np.array_equal(one().step(torch.from_numpy(x).requires_grad_()), want)
    x.setflags(write=False)
    assert np.array_equal(one()(x), want)


@needs_core
def test_tokens() -> None:
    torch.manual_seed(0)
    made, table = layer("gru", 3, 5), torch.randn(7, 15)
    first = made._replace(weights=made.weights._replace(w_ih=None))
    step = Stepper("gru", [first], batch=2, table=table)
    got = step(np.array([6, 0]))
    x, zero = table[[6, 0]][None], torch.zeros(2, 5)
    want = scan("gru", x, (zero,), first.weights, backend="reference")[0]
    torch.testing.assert_close(torch.from_numpy(got), want[0])

    for wrong in ([7, 0], [-1, 0], [2**40, 0]):
        with pytest.raises(LaminaError, match="need 0 to 6"):
            step(np.array(wrong))
    for bad in (np.zeros(3, np.int64), np.zeros(2, np.int32), np.zeros((2, 3), np.float32)):
        with pytest.raises(LaminaError, match="int64"):
            step(bad)


@needs_core
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"batch": 9}, "batch is 9"),
        ({"weights": "int4"}, "int4"),
        ({"table": torch.zeros(7, 4)}, r"table is \(7, 4\)"),
        ({"table": torch.zeros(0, 20)}, "empty"),
    ],
)
def test_what_cannot_be_made(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(LaminaError, match=said):
        Stepper("lstm", [layer("lstm", 3, 5)], **changes)


@needs_core
def test_weights_that_cannot_be_stepped() -> None:
    good = layer("lstm", 3, 5).weights
    with pytest.raises(LaminaError, match="w_hr"):
        Stepper("lstm", [StepLayer(good._replace(w_hr=torch.zeros(2, 5)))])
    with pytest.raises(LaminaError, match=r"w_ih is \(20, 3\).*need \(20, 5\)"):
        Stepper("lstm", [StepLayer(good), StepLayer(good)])
    with pytest.raises(LaminaError, match="w_ih is missing"):
        Stepper("lstm", [StepLayer(good._replace(w_ih=None))])
    with pytest.raises(LaminaError, match="skip"):
        Stepper("lstm", [StepLayer(good, residual=True)])
    square = StepLayer(layer("lstm", 5, 5).weights, residual=True)
    with pytest.raises(LaminaError, match="no input to add"):
        Stepper("lstm", [square], table=torch.zeros(7, 20))
    spoilt = good._replace(w_hh=torch.full((20, 5), torch.inf))
    with pytest.raises(LaminaError, match="not finite"):
        Stepper("lstm", [StepLayer(spoilt)], weights="int8")


@needs_core
def test_states_that_do_not_fit() -> None:
    step = one()
    state = step.state
    for wrong in (state[:1], tuple(row[:1] for row in state), one(batch=1).state):
        with pytest.raises(LaminaError, match="need"):
            step.state = wrong


def test_without_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepper, "_core", None)
    with pytest.raises(LaminaError, match=r"C\+\+ core"):
        one()
