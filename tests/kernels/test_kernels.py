"""Every backend against the reference, the reference against finite differences and torch."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
import torch

from conformance import Case, assert_near, cases, fresh, leaves, request, run, values
from lamina.cells import CELLS, RNN, recur
from lamina.kernels import BACKENDS, Weights, choose, native, scan
from lamina.spec import LaminaError

CASES = cases()
needs_core = pytest.mark.skipif(native._core is None, reason="the core is not built")
BOTH = (torch.float32, torch.float64)

#: Backend -> the cells and dtypes it runs, and the options it does not. Written down here, not
#: asked of the backend: one that refuses too much must fail, not drop out of the tests.
RUNS: dict[str, tuple[Collection[str], Collection[torch.dtype], Collection[str]]] = {
    "native": ({"rnn", "gru", "lstm"}, {torch.float32}, {"projection"}),
    "library": ({"rnn", "gru", "lstm"}, BOTH, {"layer_norm", "recurrent_mask"}),
    "parallel": ({"mingru"}, BOTH, ()),
    "reference": (CELLS, BOTH, ()),
}


def runs(case: Case, backend: str, dtype: torch.dtype) -> bool:
    """Whether a backend should run a case."""
    cells, dtypes, without = RUNS[backend]
    options = any(getattr(case, option) for option in without)
    return case.cell in cells and dtype in dtypes and not options


def rows(*backends: str) -> list[Any]:
    """The cases that each backend runs, in each dtype."""
    return [
        pytest.param(
            *(case, backend, dtype),
            id=f"{backend}-{dtype}-{case}",
            marks=needs_core if backend == "native" else (),
        )
        for backend in backends
        for case in CASES
        for dtype in BOTH
        if runs(case, backend, dtype)
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_runs_what_is_written_down_and_nothing_else(backend: str) -> None:
    if backend == "native" and native._core is None:
        pytest.skip("the core is not built")
    asked = [(case, dtype) for case in CASES for dtype in BOTH]
    expected = {(case, dtype) for case, dtype in asked if runs(case, backend, dtype)}
    got = {
        (case, dtype)
        for case, dtype in asked
        if BACKENDS[backend].refuses(request(case, dtype=dtype)) is None
    }
    assert got == expected


@pytest.mark.parametrize(
    ("case", "backend", "dtype"), rows(*(name for name in BACKENDS if name != "reference"))
)
def test_backend_equals_reference(case: Case, backend: str, dtype: torch.dtype) -> None:
    exact = request(case)
    given = fresh(exact, dtype)
    truth = values(exact, "reference")
    plain = values(fresh(exact, dtype), "reference")
    got = values(given, backend)
    for right, simple, ours in zip(truth, plain, got, strict=True):
        assert_near(right, simple, ours)


@pytest.mark.parametrize("case", [c for c in CASES if c.steps and c.batch], ids=str)
def test_reference_passes_gradcheck(case: Case) -> None:
    asked = request(case)
    asked.x.data.nan_to_num_(0.0)  # finite differences read every input

    def f(*_: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, state = run(asked, "reference")
        return (outputs, *state)

    assert torch.autograd.gradcheck(f, leaves(asked), fast_mode=case != Case(case.cell))


#: A case and the backend that is differentiated twice.
TWICE = [
    *((Case(cell), "reference") for cell in CELLS),
    (Case("rnn", tokens=True), "reference"),
    (Case("lstm", lengths=(5, 1, 3)), "reference"),
    (Case("mingru", lengths=(5, 1, 3)), "parallel"),
]


@pytest.mark.parametrize(("case", "backend"), TWICE, ids=str)
def test_equations_can_be_differentiated_twice(case: Case, backend: str) -> None:
    asked = request(case)
    asked.x.data.nan_to_num_(0.0)
    assert torch.autograd.gradgradcheck(
        lambda *_: run(asked, backend)[0], leaves(asked), fast_mode=case.cell != "rnn"
    )


PADDED = [row for row in rows(*BACKENDS) if row.values[0].lengths]


@pytest.mark.parametrize(("case", "backend", "dtype"), PADDED)
def test_padded_steps_give_zero(case: Case, backend: str, dtype: torch.dtype) -> None:
    asked = request(case, dtype=dtype)
    outputs, _ = run(asked, backend)
    for member, length in enumerate(case.lengths or ()):
        assert (outputs[length:, member] == 0).all()
        assert (outputs[:length, member] != 0).any()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_frozen_memory_is_exact(cell: str) -> None:
    """Where a sequence has ended, the fused kernels must keep its state to the last bit."""
    torch.manual_seed(0)
    case = Case(cell, steps=60, batch=4, hidden=32, lengths=(60, 3, 17, 1))
    asked = request(case, dtype=torch.float32)
    _, padded = run(asked, "library")
    for member, length in enumerate(case.lengths or ()):
        alone = tuple(part[member : member + 1] for part in asked.state)
        x = asked.x[:length, member : member + 1]
        _, state = scan(case.cell, x, alone, asked.weights, backend="library")
        for ours, right in zip(padded, state, strict=True):
            torch.testing.assert_close(ours[member : member + 1], right, atol=1e-6, rtol=1e-6)


class Stranger(RNN):
    """A subclass of a cell that the kernels know, which they must not take for it."""

    name = "stranger"


def changed(case: Case, dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    return request(case, dtype=dtype)._replace(**changes)


#: Backend -> what it refuses, what it says, and the backend that runs it.
REFUSED: list[tuple[str, Any, str, str]] = [
    (
        "library",
        lambda: changed(Case("rnn"), dtype=torch.float64, cell=Stranger()),
        "no recurrence of the cell 'str",
        "reference",
    ),
    (
        "library",
        lambda: changed(Case("gru", layer_norm=True), torch.float64),
        "no layer-normalised recurrence",
        "reference",
    ),
    (
        "library",
        lambda: changed(Case("rnn", recurrent_mask=True), torch.float64),
        "no dropout inside",
        "reference",
    ),
    (
        "parallel",
        lambda: changed(Case("gru", layer_norm=True), torch.float64),
        "the cell 'gru' is not linear in its state",
        "reference",
    ),
    (
        "native",
        lambda: changed(Case("rnn"), cell=Stranger()),
        "does not know the cell 'stranger'",
        "reference",
    ),
    (
        "native",
        lambda: changed(Case("lstm"), dtype=torch.float64),
        "float32 only, not in float64",
        "library",
    ),
    (
        "native",
        lambda: changed(Case("lstm", projection=3)),
        "no projection of the output",
        "library",
    ),
    (
        "native",
        lambda: changed(Case("lstm"), recurrent_mask=torch.ones(3, 7, requires_grad=True)),
        "no gradient of the recurrent mask",
        "reference",
    ),
]


@pytest.mark.parametrize(("backend", "make", "message", "instead"), REFUSED)
def test_a_backend_names_what_it_refuses(
    backend: str, make: Any, message: str, instead: str
) -> None:
    if backend == "native" and native._core is None:
        pytest.skip("the core is not built")
    asked = make()
    reason = BACKENDS[backend].refuses(asked)
    assert message in reason
    assert "\n" not in reason
    with pytest.raises(LaminaError, match=f"backend '{backend}' cannot run this: .*{message}"):
        run(asked, backend)
    choice = choose(asked)
    assert choice.backend == instead
    assert f"not {backend}: {reason}" in choice.why


def test_a_cell_of_a_similar_name_runs_its_own_equations() -> None:
    class Linear(RNN):
        name = "rnn"

        def step(self, wx: Any, state: Any, weights: Any, mask: Any, f: Any) -> Any:
            return (wx + recur(state[0], weights, mask),)

    asked = request(Case("rnn"), dtype=torch.float32)
    outputs, _ = run(asked._replace(cell=Linear()), "auto")
    first = asked.x[0] @ asked.weights.w_ih.T + asked.weights.b_ih
    first = first + asked.state[0] @ asked.weights.w_hh.T + asked.weights.b_hh
    torch.testing.assert_close(outputs[0], first)


def test_choice_says_why() -> None:
    plain = request(Case("lstm"))
    assert choose(plain).backend == "library"
    assert choose(request(Case("lstm", layer_norm=True))).backend == "reference"
    assert choose(plain, "reference").why == "chosen by name"
    with pytest.raises(LaminaError, match="need one of auto, native, library, parallel, reference"):
        choose(plain, "nothing")


@needs_core
def test_native_is_chosen_for_float32_and_for_nothing_else() -> None:
    for case in (Case("lstm"), Case("gru", layer_norm=True), Case("rnn", projected=True)):
        given = request(case, dtype=torch.float32)
        assert choose(given).backend == "native"
        assert choose(given.to(torch.bfloat16)).backend != "native"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(5, 3)}, "need three axes"),
        ({"x": torch.zeros(5, 3, 9)}, "need 4 on the last axis"),
        ({"x": torch.zeros(5, 3, 4).double()}, "need the same dtype"),
        ({"state": (torch.zeros(2, 7),)}, r"h0 is \(2, 7\); need \(B=3, H=7\)"),
        ({"state": (torch.zeros(3, 7), torch.zeros(3, 7))}, "need 1"),
        ({"lengths": torch.tensor([5, 0, 2])}, "go from 0 to 5; need each in 1..T=5"),
        ({"lengths": torch.tensor([6, 1, 2])}, "go from 1 to 6"),
        ({"lengths": torch.tensor([5.0, 1.0, 2.0])}, "whole numbers"),
        ({"lengths": [5.0, 1.0, 2.0]}, "lengths is a list of float64; need .* whole numbers"),
        ({"lengths": 5}, "lengths is an int; need"),
        ({"lengths": [5, 1, 2, 3, 1]}, r"need \(B=3,\) on the cpu. Is x \(B, T, I\)\?"),
        ({"x": np.zeros((5, 3, 4))}, r"x is a numpy array; need .*: torch.from_numpy\(x\)"),
        ({"x": torch.zeros(5, 3, 4).to_sparse()}, r"sparse_coo tensor; .* use to_dense\(\)"),
        ({"x": torch.zeros(5, 3, 4, device="meta")}, "need the same device: x.to.'cpu'."),
        (
            {"weights": Weights(torch.zeros(21, 4), torch.zeros(21, 7).half())},
            "the weights are torch.float16 and torch.float32; need one dtype",
        ),
        ({"lengths": torch.tensor([5, 1])}, r"need \(B=3,\)"),
        ({"recurrent_mask": torch.ones(3, 6)}, "recurrent_mask"),
        (
            {"weights": Weights(torch.zeros(20, 4), torch.zeros(20, 7))},
            "20 rows; need a multiple of 3",
        ),
        (
            {"weights": Weights(torch.zeros(21, 4), torch.zeros(21, 7), *[torch.zeros(20)] * 2)},
            r"b_ih is \(20,\); need \(21,\)",
        ),
        ({"activation": "relu"}, "'relu'; cell 'gru' needs tanh"),
        ({"cell": "mlp"}, "cell is 'mlp'; need one of rnn, gru, lstm, .*lamina.cells.register"),
    ],
)
def test_bad_arguments_are_refused(change: dict, message: str) -> None:
    good: dict = {
        "cell": "gru",
        "x": torch.zeros(5, 3, 4),
        "state": (torch.zeros(3, 7),),
        "weights": Weights(*(torch.zeros(21, 4), torch.zeros(21, 7))),
    }
    scan(**good)
    with pytest.raises(LaminaError, match=message):
        scan(**{**good, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(5, 3, 4)}, r"x is \(5, 3, 4\); need a table \(V, I\)"),
        ({"x": torch.zeros(9, 3)}, "need 4 on the last axis"),
        ({"x": torch.zeros(0, 4)}, "need each in 0..-1"),
        ({"tokens": torch.tensor([1, 2, 3])}, r"tokens are \(3,\) .*; need \(T, B\) whole"),
        ({"tokens": torch.zeros(5, 3)}, "float32 on cpu; need"),
        ({"tokens": torch.zeros(5, 3, dtype=torch.int64, device="meta")}, "on meta; need"),
        (
            {"tokens": torch.full((5, 3), 9)},
            r"from 9 to 9; need each in 0\.\.8, a row of the table",
        ),
        ({"tokens": torch.full((5, 3), -1)}, "from -1 to -1; need each in 0"),
        ({"tokens": torch.zeros(5, 2, dtype=torch.int64)}, r"h0 is \(3, 7\); need \(B=2, H=7\)"),
        ({"tokens": torch.full((5, 3), 9), "lengths": torch.tensor([1, 4, 5])}, "from 9 to 9"),
    ],
)
def test_tokens_that_pick_no_row_are_refused(change: dict, message: str) -> None:
    good: dict = {
        "cell": "gru",
        "x": torch.zeros(9, 4),
        "tokens": torch.full((5, 3), 8),
        "state": (torch.zeros(3, 7),),
        "weights": Weights(*(torch.zeros(21, 4), torch.zeros(21, 7))),
    }
    scan(**good)
    with pytest.raises(LaminaError, match=message):
        scan(**{**good, **change})
