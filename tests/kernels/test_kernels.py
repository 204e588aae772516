"""Every backend against the reference, the reference against finite differences and torch."""

from __future__ import annotations

import pytest
import torch

from conformance import Case, assert_near, cases, request, run, values
from lamina.kernels import BACKENDS, Weights, choose, native, scan
from lamina.spec import LaminaError

CASES = cases()
needs_core = pytest.mark.skipif(native._core is None, reason="the core is not built")
TWICE = [Case("rnn"), Case("rnn", tokens=True), Case("gru"), Case("lstm", lengths=(5, 1, 3))]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_backend_equals_reference(case: Case, backend: str, dtype: torch.dtype) -> None:
    exact = request(case)
    given = exact.to(dtype)
    if reason := BACKENDS[backend].refuses(given.weights, given.mask):
        with pytest.raises(LaminaError, match="cannot run this"):
            run(case, given, backend)
        assert reason
        return
    truth = values(case, exact, "reference")
    plain = values(case, exact.to(dtype), "reference")
    got = values(case, given, backend)
    for right, simple, ours in zip(truth, plain, got, strict=True):
        assert_near(right, simple, ours)


@pytest.mark.parametrize("case", [c for c in CASES if c.steps and c.batch], ids=str)
def test_reference_passes_gradcheck(case: Case) -> None:
    asked = request(case)
    asked.x.data.nan_to_num_(0.0)  # finite differences read every input

    def f(*leaves: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, state = run(case, asked, "reference")
        return (outputs, *state)

    assert torch.autograd.gradcheck(f, asked.leaves(), fast_mode=case.hidden > 16)


@pytest.mark.parametrize("case", TWICE, ids=str)
def test_reference_can_be_differentiated_twice(case: Case) -> None:
    asked = request(case)
    asked.x.data.nan_to_num_(0.0)
    assert torch.autograd.gradgradcheck(
        lambda *leaves: run(case, asked, "reference")[0], asked.leaves()
    )


@pytest.mark.parametrize("case", [c for c in CASES if c.lengths], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_padded_steps_give_zero(case: Case, backend: str) -> None:
    asked = request(case)
    if BACKENDS[backend].refuses(asked.weights, asked.mask):
        pytest.skip(f"{backend} does not take this")
    outputs, _ = run(case, asked, backend)
    for member, length in enumerate(case.lengths or ()):
        assert (outputs[length:, member] == 0).all()
        assert (outputs[:length, member] != 0).any()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_frozen_memory_is_exact(cell: str) -> None:
    """Where a sequence has ended, the fused kernels must keep its state to the last bit."""
    torch.manual_seed(0)
    case = Case(cell, steps=60, batch=4, hidden=32, lengths=(60, 3, 17, 1))  # type: ignore[arg-type]
    asked = request(case, dtype=torch.float32)
    _, padded = run(case, asked, "library")
    for member, length in enumerate(case.lengths or ()):
        alone = tuple(part[member : member + 1] for part in asked.state)
        x = asked.x[:length, member : member + 1]
        _, state = scan(case.cell, x, alone, asked.weights, backend="library")
        for ours, right in zip(padded, state, strict=True):
            torch.testing.assert_close(ours[member : member + 1], right, atol=1e-6, rtol=1e-6)


def test_choice_says_why() -> None:
    plain = request(Case("lstm"))
    assert choose(plain.weights).backend == "library"
    assert (
        "float32 only, not in float64" in choose(plain.weights).why
        or "core" in choose(plain.weights).why
    )
    normed = choose(request(Case("lstm", layer_norm=True)).weights)
    assert normed.backend == "reference"
    assert "layer-normalised" in normed.why
    assert choose(plain.weights, backend="reference").why == "asked for by name"
    with pytest.raises(LaminaError, match="need one of auto, native, library, reference"):
        choose(plain.weights, backend="nothing")


@needs_core
def test_native_is_chosen_for_float32_and_for_nothing_else() -> None:
    for case in (Case("lstm"), Case("gru", layer_norm=True), Case("rnn", projected=True)):
        given = request(case, dtype=torch.float32)
        assert choose(given.weights).backend == "native"
        assert choose(given.weights.to(torch.bfloat16)).backend != "native"
    projected = request(Case("lstm", projection=3), dtype=torch.float32)
    assert "no projection" in choose(projected.weights).why
    mask = torch.ones(3, 7, requires_grad=True)
    assert "gradient of the recurrent mask" in choose(given.weights, recurrent_mask=mask).why


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
        ({"lengths": torch.tensor([5.0, 1.0, 2.0])}, "int64"),
        ({"lengths": torch.tensor([5, 1])}, r"need \(B=3,\)"),
        ({"recurrent_mask": torch.ones(3, 6)}, "recurrent_mask"),
        ({"activation": "relu"}, "only an rnn has a choice"),
        ({"cell": "mlp"}, "need one of rnn, gru, lstm"),
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
        ({"tokens": torch.tensor([1, 2, 3])}, r"tokens are \(3,\) .*; need \(T, B\) int64"),
        ({"tokens": torch.zeros(5, 3, dtype=torch.int32)}, "int32 on cpu; need"),
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
