"""What only the native kernel has: its operators, its sizes, its border, its threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from conformance import Case, assert_near, fresh, leaves, request, run, values
from lamina.kernels import native, scan
from lamina.kernels.request import Weights
from lamina.spec import LaminaError

pytestmark = pytest.mark.skipif(native._core is None, reason="the core is not built")

CELL_NAMES = ("rnn", "gru", "lstm")
#: (steps, batch, inputs, hidden): no multiple of a vector, a tile or a chunk; several of each.
SIZES = [(1, 1, 1, 1), (3, 9, 33, 7), (2, 5, 7, 33), (4, 3, 5, 257), (40, 17, 3, 65)]


def assert_close(case: Case) -> None:
    exact = request(case)
    # Weights of this size for 7 units would make 257 of them chaotic: every error would grow.
    exact.weights.w_hh.data.mul_(min(1.0, (7 / case.hidden) ** 0.5))
    truth = values(exact, "reference")
    plain = values(fresh(exact, torch.float32), "reference")
    ours = values(fresh(exact, torch.float32), "native")
    for right, simple, got in zip(truth, plain, ours, strict=True):
        assert_near(right, simple, got)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_sizes_and_threads(
    cell: str, size: tuple[int, ...], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_THREADS", str(threads))
    steps, batch, inputs, hidden = size
    lengths = tuple(1 + (7 * b) % steps for b in range(batch))
    assert_close(Case(cell, steps, batch, inputs, hidden))
    assert_close(Case(cell, steps, batch, inputs, hidden, lengths=lengths, reverse=True))
    assert_close(Case(cell, steps, batch, inputs, hidden, lengths=lengths, recurrent_mask=True))
    assert_close(Case(cell, steps, batch, inputs, hidden, lengths=lengths, layer_norm=True))
    assert_close(Case(cell, steps, batch, inputs, hidden, tokens=True))


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_same_bits_for_the_same_threads(cell: str) -> None:
    case = Case(cell, steps=20, batch=13, hidden=40, lengths=tuple(range(8, 21)))
    given = request(case, dtype=torch.float32)
    first, second = (values(given, "native") for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_without_gradients_equals_with_them(cell: str) -> None:
    """Nothing is kept then, and memory is used again every so many steps."""
    case = Case(cell, steps=300, batch=9, hidden=65)
    given = request(case, dtype=torch.float32)
    with torch.no_grad():
        free, free_state = run(given, "native")
    kept, kept_state = run(given, "native")
    for a, b in zip((free, *free_state), (kept, *kept_state), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_gradients_can_be_made_again(cell: str) -> None:
    case = Case(cell, layer_norm=True)
    given = request(case, dtype=torch.float32)
    outputs, _ = run(given, "native")
    wanted = leaves(given)
    first = torch.autograd.grad(outputs.sum(), wanted, retain_graph=True)
    second = torch.autograd.grad(outputs.sum(), wanted)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_large_table_that_is_a_view(cell: str) -> None:
    """The one-hot form: a row of the table is a column of the weights."""
    given = request(Case(cell, projected=True), dtype=torch.float32)
    table = torch.randn(given.weights.w_hh.shape[0], 50).t().requires_grad_()
    tokens = torch.tensor([[3, 49, 3], [0, -1, 7]])  # junk where the second has ended
    arguments = (given.state, given.weights, torch.tensor([2, 1, 2]))
    grads = []
    for x in (table, table.detach().contiguous().requires_grad_()):
        outputs, _ = scan(cell, x, *arguments, tokens=tokens, backend="native")
        grads.append((outputs, *torch.autograd.grad(outputs.square().sum(), x)))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor")
TRACED = ("test_aot_dispatch_static", "test_aot_dispatch_dynamic")


FULL = {"lengths": (5, 1, 3), "layer_norm": True, "tokens": True}


@pytest.mark.parametrize(
    "case", [Case("gru"), *(Case(cell, **FULL) for cell in CELL_NAMES)], ids=str
)
def test_operators_pass_torchs_own_check(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schema, fake kernels, the registration of autograd, and traces for one size and for all."""
    # What was saved is compared too, and between its parts and behind them stands anything.
    monkeypatch.setattr(native, "room", lambda like, shape: like.new_zeros(shape))
    given = request(case, dtype=torch.float32)
    h0, c0 = (*given.state, None)[:2]
    kind = "rnn_tanh" if case.cell == "rnn" else case.cell
    data = (given.tokens, given.lengths, given.recurrent_mask)
    leaves = (given.x, h0, c0, *given.weights[:4], *(given.weights.norm or (None,) * 4))
    forward = (kind, False, True, *data, *leaves)
    torch.library.opcheck(native.recurrence, forward, test_utils=CHECKS + TRACED)

    outputs, h_n, c_n, saved = (part.detach() for part in native.recurrence(*forward))
    grads = (outputs, h_n, None if c0 is None else c_n)  # any numbers of these shapes
    plain = [None if leaf is None else leaf.detach() for leaf in leaves]
    needed = [leaf is not None for leaf in leaves]
    backward = (kind, False, needed, *data, *plain, outputs, saved, *grads)
    torch.library.opcheck(native.recurrence_backward, backward, test_utils=CHECKS + TRACED)


def test_export_traces_through() -> None:
    from lamina.nn import Stack

    stack = Stack(3, cell="gru", depth=2, width=5).eval()
    x = torch.randn(4, 2, 3)
    with torch.no_grad():
        program = torch.export.export(stack, (x,))
        outputs, _ = program.module()(x)
        expected, _ = stack(x)
    graphs = [m.graph for m in program.graph_module.modules() if hasattr(m, "graph")]
    assert sum(str(graph).count("lamina.recurrence") for graph in graphs) == 2  # one a layer
    torch.testing.assert_close(outputs, expected)


BAD = {
    "x of two axes": {"x": torch.zeros(5, 4)},
    "x of another size": {"x": torch.zeros(5, 3, 9)},
    "float64": {"x": torch.zeros(5, 3, 4, dtype=torch.float64)},
    "not contiguous": {"x": torch.zeros(4, 3, 5).transpose(0, 2)},
    "h0 of another batch": {"h0": torch.zeros(2, 7)},
    "c0 for a gru": {"c0": torch.zeros(3, 7)},
    "one bias": {"b_hh": None},
    "w_hh not square": {"w_hh": torch.zeros(21, 8)},
    "length beyond T": {"lengths": torch.tensor([5, 6, 1])},
    "length 0": {"lengths": torch.tensor([5, 0, 1])},
    "lengths not a number": {"lengths": torch.tensor([5.0, float("nan"), 1.0])},
    "too few lengths": {"lengths": torch.tensor([5, 5])},
    "token outside": {"x": torch.zeros(6, 4), "tokens": torch.full((5, 3), 6)},
    "token below": {"x": torch.zeros(6, 4), "tokens": torch.full((5, 3), -1)},
    "unknown cell": {"cell": "mlp"},
    "no threads": {"threads": 0},
    "gain without the other": {"gain_ih": torch.ones(21)},
    "a mask of another size": {"mask": torch.ones(3, 8)},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_border_refuses_what_does_not_fit(change: dict) -> None:
    arrays = "x tokens lengths h0 c0 w_ih w_hh b_ih b_hh gain_ih gain_hh gain_c shift_c mask"
    good: dict = dict.fromkeys(["cell", "reverse", "threads", *arrays.split(" ")])
    good.update(cell="gru", reverse=False, threads=1, x=torch.zeros(5, 3, 4))
    good.update(h0=torch.zeros(3, 7), w_ih=torch.zeros(21, 4), w_hh=torch.zeros(21, 7))
    good.update(b_ih=torch.zeros(21), b_hh=torch.zeros(21))
    native._core.Recurrence(*good.values())
    with pytest.raises((TypeError, ValueError)):
        native._core.Recurrence(*{**good, **change}.values())


def test_border_refuses_room_of_another_size() -> None:
    x, h0, w = torch.zeros(5, 3, 4), torch.zeros(3, 7), torch.zeros(7, 4)
    problem = native._core.Recurrence(
        "rnn_tanh", False, 1, x, None, None, h0, None, w, torch.zeros(7, 7), *[None] * 7
    )
    with pytest.raises(ValueError, match=r"outputs is \(5, 3, 8\); need \(5, 3, 7\)"):
        problem.forward(torch.zeros(5, 3, 8), torch.zeros(3, 7), None, None)
    with pytest.raises(ValueError, match="saved is not"):
        problem.forward(torch.zeros(5, 3, 7), torch.zeros(3, 7), None, torch.zeros(3))


def test_number_of_threads_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_THREADS", "many")
    with pytest.raises(LaminaError, match="LAMINA_THREADS is 'many'; need a whole number"):
        scan(
            "rnn",
            torch.zeros(2, 1, 1),
            (torch.zeros(1, 2),),
            Weights(torch.zeros(2, 1), torch.zeros(2, 2)),
        )


@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_other_instruction_sets(isa: str) -> None:
    """The whole conformance suite again, in a process that was told to use another."""
    env = {**os.environ, "LAMINA_ISA": isa}
    probe = [sys.executable, "-c", "from lamina.kernels import _core; print(_core.isa())"]
    if subprocess.run(probe, env=env, capture_output=True, text=True).stdout.strip() != isa:
        pytest.skip(f"this CPU or build has no {isa}")
    suite = os.path.join(os.path.dirname(__file__), "test_kernels.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
         "equals_reference and native and float32", suite],
        env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def test_memory_serves_again_only_when_it_is_free() -> None:
    """Large results stand in memory of the core. What is still held must keep its numbers."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand((40, 8, 128), generator=generator).requires_grad_()
    h, w_ih, w_hh = torch.zeros(8, 128), torch.eye(128) / 2, torch.eye(128) / 2
    weights = Weights(w_ih, w_hh)

    def run() -> tuple[torch.Tensor, ...]:
        outputs, _ = scan("rnn", x, (h,), weights, backend="native")
        (gradient,) = torch.autograd.grad(outputs.sum(), x)
        return outputs, gradient

    held, view = run(), scan("rnn", x, (h,), weights, backend="native")[0][3, 2]
    kept = [part.detach().clone() for part in (*held, view)]
    idle = []
    for _ in range(40):
        run()
        idle.append(native._core.idle_bytes())
    assert 0 < idle[20] == idle[-1]  # no more and more
    assert all(torch.equal(*pair) for pair in zip(kept, (*held, view), strict=True))


def test_room_of_no_size_is_refused() -> None:
    for shape in ((-1,), (2**40, 2**40)):
        with pytest.raises(ValueError, match="negative, or"):
            native._core.room(shape)
    native._core.room((3, 4))  # a capsule that nobody opens is freed
