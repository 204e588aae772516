"""What every registered cell can do in a stack, and cells of the user's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import lamina
from lamina.cells import CELLS, Cell, Weights, recur, register
from lamina.cells.mingru import MinGRU
from lamina.kernels import BACKENDS, scan
from lamina.kernels.request import Request
from lamina.kernels.stepper import StepLayer, Stepper
from lamina.nn import Stack, StackOptions
from lamina.nn.recurrent.growth import grow
from lamina.nn.sequence.encoder import Encoder
from lamina.spec import LaminaError


class Leaky(Cell):
    """A plain RNN that forgets at a learned pace."""

    name = "leaky"
    gates = ("k", "n")
    candidate = "n"

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        (h,) = state
        k, n = (wx + recur(h, weights, mask)).chunk(2, dim=1)
        k = torch.sigmoid(k)
        return (k * h + (1 - k) * torch.tanh(n),)


@pytest.fixture(autouse=True)
def registry_as_before() -> Iterator[None]:
    before = dict(CELLS)
    yield
    CELLS.clear()
    CELLS.update(before)


def test_the_table_of_cells_loads_no_torch() -> None:
    code = "import sys, lamina.cells; print(*lamina.cells.CELLS, 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == [*CELLS, "False"]


@pytest.mark.parametrize("cell", CELLS)
def test_a_description_fits_together(cell: str) -> None:
    CELLS[cell].check()
    assert CELLS[cell].name == cell


@pytest.mark.parametrize("cell", CELLS)
def test_a_grown_layer_changes_nothing_and_learns(cell: str) -> None:
    options = {"cell": cell, "width": 4, "residual": True, "activation": "tanh"}
    shallow, deep = Stack(3, depth=1, **options), Stack(3, depth=3, **options)
    grow(deep, shallow)
    x = torch.randn(5, 2, 3)
    outputs, _ = deep(x)
    torch.testing.assert_close(outputs, shallow(x)[0])
    outputs.square().sum().backward()
    top = deep.layers[1].directions[0]
    rows = top.cell.rows(top.cell.candidate, top.hidden)
    assert top.weight_ih.grad[rows].abs().max() > 0


def test_a_cell_without_a_candidate_cannot_be_grown() -> None:
    class Closed(Leaky):
        name = "closed"
        candidate = None

    options = StackOptions(cell=register(Closed()), width=4, residual=True)
    with pytest.raises(LaminaError, match="cell 'closed' has no candidate gate"):
        grow(Stack(3, options, depth=2), Stack(3, options, depth=1))


@pytest.mark.parametrize("cell", CELLS)
def test_an_encoders_state_is_one_that_a_stack_takes(cell: str) -> None:
    options = StackOptions(cell=cell, depth=2, width=4)
    outputs, state = Encoder(3, options)(torch.randn(5, 2, 3))
    again, _ = Stack(3, options)(torch.randn(6, 2, 3), state)
    assert outputs.isfinite().all()
    assert again.isfinite().all()


def test_recurrent_dropout_is_refused_where_nothing_recurs() -> None:
    with pytest.raises(LaminaError, match="'mingru' has no U h, so recurrent dropout has nothing"):
        Stack(3, cell="mingru", recurrent_dropout=0.1)


def test_a_stepper_names_the_cell_that_it_cannot_run() -> None:
    layer = StepLayer(Weights(torch.zeros(8, 3), torch.zeros(8, 4)))
    with pytest.raises(LaminaError, match=r"a stepper cannot run the cell 'mgu'.*need rnn, gru"):
        Stepper("mgu", [layer])
    with pytest.raises(LaminaError, match="cannot run the cell 'mgu'"):
        Stack(3, cell="mgu").stepper()


def test_a_stack_takes_a_cell_of_ones_own() -> None:
    torch.manual_seed(0)
    stack = Stack(3, cell=Leaky(), depth=2, width=4, bidirectional=True, norm="layer").double()
    assert stack.options.cell == "leaky"
    assert {choice.backend for choice in stack.explain()} == {"reference"}
    x, lengths = torch.randn(5, 2, 3, dtype=torch.float64), torch.tensor([5, 2])
    outputs, _ = stack(x, lengths=lengths)
    alone, _ = stack(x[:2, 1:])
    torch.testing.assert_close(outputs[:2, 1:], alone)
    assert (outputs[2:, 1] == 0).all()


def test_a_registered_cell_is_an_option_like_any_other() -> None:
    register(Leaky())
    task = lamina.tasks.TASKS["classify"]("digits")
    assert task.model(cell="leaky", width=4).options.cell == "leaky"
    for backend in set(BACKENDS) - {"reference"}:
        with pytest.raises(LaminaError, match="cell 'leaky'"):
            Stack(3, cell="leaky")(torch.zeros(2, 1, 3), backend=backend)


def test_a_saved_run_of_an_unregistered_cell_says_what_to_do(tmp_path: Any) -> None:
    register(Leaky())
    task = lamina.tasks.TASKS["classify"]("digits")
    model = task.model(cell="leaky", width=4, depth=1)
    lamina.train.fit(model, task, epochs=1, out=tmp_path / "run", progress=lamina.train.Silent())
    assert lamina.load(tmp_path / "run").config() == model.config()
    del CELLS["leaky"]
    with pytest.raises(LaminaError, match=r"'leaky'; need one of rnn.*cells\.register") as no:
        lamina.load(tmp_path / "run")
    assert "\n" not in str(no.value)
    assert "config.json" in str(no.value)


def test_a_name_that_is_taken_is_refused_but_not_to_the_same_cell() -> None:
    class LSTM(Leaky):
        name = "lstm"

    with pytest.raises(LaminaError, match=r"'lstm' is registered already, by lamina\.cells\.lstm"):
        register(LSTM())
    assert register(Leaky()) == register(Leaky()) == "leaky"


def test_a_class_is_no_cell() -> None:
    with pytest.raises(LaminaError, match=r"need an instance of a Cell, such as register\(MyCell"):
        register(Leaky)  # type: ignore[arg-type]


class Nameless(Leaky):
    name = ""


class NoStep(Cell):
    name = "still"
    gates = ("n",)


class MemoryFirst(Leaky):
    parts = ("c", "h")


class NoSuchGate(Leaky):
    forget = "f"


class NoSuchPart(Leaky):
    initial: ClassVar = {"m": 1.0}


class NoSuchActivation(Leaky):
    activations: ClassVar = ("tanh", "gelu")


class Tuned(Leaky):
    def __init__(self, pace: float = 0.5) -> None:
        self.pace = pace


class Half(MinGRU):
    """Has a step that is not the one of ``linear``."""

    name = "half"

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        return (super().step(wx, state, weights, mask, f)[0] / 2,)


class DenseLinear(MinGRU):
    recurrence = "dense"
    name = "denselinear"


class TwoParts(MinGRU):
    parts = ("h", "c")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (Nameless, "has no name; need a class attribute 'name'"),
        (NoStep, "has no step; need its equations"),
        (MemoryFirst, "need 'h' first"),
        (NoSuchGate, r"forget is 'f'; need one of \('k', 'n'\)"),
        (Tuned, "attribute 'pace' of its own; need everything in the class"),
        (Half, r"need linear\(wx\) in place of step"),
        (DenseLinear, "need .* recurrence 'none'"),
        (TwoParts, r"need .* parts \('h',\)"),
        (NoSuchActivation, r"activations has \['gelu'\]; need some of tanh and relu"),
        (NoSuchPart, r"initial has \['m'\]; need some of \('h',\)"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(cell: type[Cell], message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        register(cell())


@pytest.mark.parametrize("cell", [Half(), DenseLinear()])
def test_no_kernel_takes_a_subclass_for_its_parent(cell: Cell) -> None:
    torch.manual_seed(0)
    x, h = torch.randn(5, 2, 3), torch.randn(2, 4)
    w_hh = torch.randn(8, 4) if cell.recurrence == "dense" else None
    weights = Weights(torch.randn(8, 3), w_hh)
    asked = Request(cell, x, (h,), weights)
    assert {name for name, module in BACKENDS.items() if not module.refuses(asked)} == {"reference"}
    assert torch.equal(
        scan(cell, x, (h,), weights)[0], scan(cell, x, (h,), weights, backend="reference")[0]
    )


@pytest.mark.parametrize(
    ("made", "got"), [(lambda h: h, "a Tensor"), (lambda h: (h, h), "2 parts")]
)
def test_a_step_that_returns_no_state_is_refused(made: Any, got: str) -> None:
    class Wrong(lamina.cells.RNN):
        name = "wrong"

        def step(self, wx, state, weights, mask, f):  # type: ignore[no-untyped-def]
            return made(wx)

    weights = Weights(torch.zeros(3, 2), torch.zeros(3, 3))
    message = rf"step of the cell 'wrong' returned {got}; need a tuple of its parts \(h,\)"
    with pytest.raises(LaminaError, match=message):
        scan(Wrong(), torch.zeros(4, 1, 2), (torch.zeros(1, 3),), weights)
