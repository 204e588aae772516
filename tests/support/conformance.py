"""What every kernel must show: the reference's numbers, gradients included, for every cell and
option that it takes. A new backend joins by being in ``lamina.kernels.BACKENDS``.

The tolerance is derived: against a float64 reference, a backend may err at most twice as much as
the plain formulas err in its own dtype, plus a floor of a few units of rounding of the largest
value (sums in another order).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from lamina.cells import CELLS, Activation
from lamina.kernels import LayerNormGains, Request, Weights, scan

#: Rows of a case's table: fewer than its steps, so that some stand there twice. One is never
#: picked by a valid step, and what it gets from the padding must be nothing.
VOCABULARY, UNUSED = 6, 2


@dataclass(frozen=True)
class Case:
    """One request to a kernel."""

    cell: str
    steps: int = 5
    batch: int = 3
    inputs: int = 4
    hidden: int = 7
    activation: Activation = "tanh"
    lengths: tuple[int, ...] | None = None
    reverse: bool = False
    bias: bool = True
    projected: bool = False
    tokens: bool = False
    layer_norm: bool = False
    recurrent_mask: bool = False
    projection: int | None = None

    def __str__(self) -> str:
        default = Case(self.cell)
        changed = [f"{k}={v}" for k, v in vars(self).items() if v != getattr(default, k)]
        return "-".join([self.cell, *changed]).replace(" ", "")


def cases() -> list[Case]:
    """Every cell with every option, and the sizes that kernels get wrong."""
    found: list[Case] = []
    lengths: tuple[tuple[int, ...] | None, ...] = (None, (5, 1, 3), (2, 2, 2), (5, 5, 5))
    for cell, kind in CELLS.items():
        for length, reverse in itertools.product(lengths, (False, True)):
            found.append(Case(cell, lengths=length, reverse=reverse))
        found += [
            Case(cell, bias=False),
            Case(cell, projected=True),
            Case(cell, projected=True, lengths=(5, 1, 3), reverse=True),
            Case(cell, tokens=True),
            Case(cell, tokens=True, reverse=True, bias=False),
            Case(cell, tokens=True, lengths=(5, 1, 3)),
            Case(cell, tokens=True, lengths=(1, 4, 5), reverse=True),
            Case(cell, tokens=True, projected=True),
            Case(cell, tokens=True, projected=True, lengths=(1, 4, 5), reverse=True),
            Case(cell, tokens=True, projected=True, hidden=1, lengths=(5, 1, 3)),
            Case(cell, tokens=True, layer_norm=True, lengths=(5, 1, 3)),
            Case(cell, tokens=True, layer_norm=True, projected=True, reverse=True),
            Case(cell, tokens=True, recurrent_mask=True, lengths=(1, 4, 5)),
            Case(cell, tokens=True, steps=9, batch=5, inputs=33, hidden=17),
            Case(cell, tokens=True, steps=2, batch=0),
            Case(cell, tokens=True, steps=0, batch=2),
            Case(cell, layer_norm=True),
            Case(cell, layer_norm=True, lengths=(1, 4, 5), reverse=True),
            Case(cell, recurrent_mask=True, lengths=(1, 4, 5)),
            Case(cell, steps=1, batch=1, inputs=1, hidden=1),
            Case(cell, steps=3, batch=2, inputs=33, hidden=17),
            Case(cell, steps=2, batch=0),
            Case(cell, steps=0, batch=2),
        ]
        for activation in kind.activations:
            if activation != Case.activation:
                found += [
                    Case(cell, activation=activation),
                    Case(cell, activation=activation, reverse=True),
                ]
        if kind.projects:
            found.append(Case(cell, projection=3))
            found.append(Case(cell, projection=3, lengths=(1, 4, 5), reverse=True))
    return [case for case in found if takes(case)]


def takes(case: Case) -> bool:
    """Whether the cell has the options of a case."""
    given = {"activation": case.activation, "recurrent_dropout": case.recurrent_mask}
    return CELLS[case.cell].refuses(**given) is None


def leaves(asked: Request) -> tuple[Tensor, ...]:
    """Everything that has a gradient."""
    return (asked.x, *asked.state, *asked.weights.tensors())


def fresh(asked: Request, dtype: torch.dtype) -> Request:
    """A copy in another dtype whose leaves ask for gradients."""

    def copy(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.detach().to(dtype).clone().requires_grad_()

    w, mask = asked.weights, asked.recurrent_mask
    norm = None if w.norm is None else LayerNormGains(*(copy(p) for p in w.norm))  # type: ignore[arg-type]
    return asked._replace(
        x=copy(asked.x),
        state=tuple(copy(p) for p in asked.state),
        weights=Weights(*(copy(p) for p in w[:5]), norm),  # type: ignore[arg-type]
        recurrent_mask=None if mask is None else mask.to(dtype),
    )


def request(case: Case, seed: int = 0, dtype: torch.dtype = torch.float64) -> Request:
    """Random arguments for a case; what stands in the padding is not a number, and no token."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(*shape, generator=g, dtype=torch.float64)

    cell, hidden = CELLS[case.cell], case.hidden
    rows = len(cell.gates) * hidden
    out = case.projection or hidden
    width = rows if case.projected else case.inputs
    tokens = None
    if case.tokens:
        x = normal(VOCABULARY, width)
        tokens = torch.randint(0, VOCABULARY - 1, (case.steps, case.batch), generator=g)
        tokens[tokens == UNUSED] = VOCABULARY - 1
    else:
        x = normal(case.steps, case.batch, width)
    lengths = None
    if case.lengths is not None:
        lengths = torch.tensor(case.lengths)
        for member, length in enumerate(case.lengths):
            if tokens is None:
                x[length:, member] = float("nan")
            else:
                tokens[length:, member] = (-1, VOCABULARY + 7, UNUSED)[member % 3]
    dense, sizes = cell.recurrence == "dense", [out, *[hidden] * (len(cell.parts) - 1)]
    state = tuple(normal(case.batch, size) for size in sizes)
    norm = None
    if case.layer_norm:
        c = (1 + normal(hidden, scale=0.1), normal(hidden, scale=0.1))
        gains = (1 + normal(rows, scale=0.1), 1 + normal(rows, scale=0.1))
        norm = LayerNormGains(
            gains[0],
            gains[1] if dense else None,
            *(c if cell.normalises_memory else (None, None)),
        )
    shape = cell.recurrent_shape(hidden, out)
    weights = Weights(
        None if case.projected else normal(rows, width, scale=0.5),
        None if shape is None else normal(*shape, scale=0.5),
        normal(rows, scale=0.2) if case.bias else None,
        normal(rows, scale=0.2) if case.bias and dense else None,
        normal(out, hidden, scale=0.5) if case.projection else None,
        norm,
    )
    if cell.initial:  # a state that the cell makes of nothing: not any numbers are one
        state = tuple(
            torch.full((case.batch, size), cell.initial.get(part, 0.0), dtype=torch.float64)
            for part, size in zip(cell.parts, sizes, strict=True)
        )
        for _ in range(2):
            state = cell.step(normal(case.batch, rows), state, weights, None, torch.tanh)
    mask = None
    if case.recurrent_mask:
        mask = 2.0 * torch.randint(0, 2, (case.batch, out), generator=g).double()
    made = Request(cell, x, state, weights, lengths, tokens, case.reverse, case.activation, mask)
    return fresh(made, dtype)


def run(asked: Request, backend: str) -> tuple[Tensor, tuple[Tensor, ...]]:
    """``scan`` with the arguments of a request."""
    *given, tokens, reverse, activation, mask = asked
    options = {"tokens": tokens, "reverse": reverse, "recurrent_mask": mask}
    return scan(*given, activation=activation, backend=backend, **options)


def values(asked: Request, backend: str) -> list[Tensor]:
    """Outputs, final state, and the gradient of every leaf, for a fixed random direction."""
    outputs, state = run(asked, backend)
    g = torch.Generator().manual_seed(1)
    made = (outputs, *state)
    loss = sum((m * torch.randn(m.shape, generator=g, dtype=torch.float64)).sum() for m in made)
    assert isinstance(loss, Tensor)
    grads = torch.autograd.grad(loss, leaves(asked), allow_unused=True)
    given = zip(grads, leaves(asked), strict=True)
    return [*made, *(torch.zeros_like(leaf) if grad is None else grad for grad, leaf in given)]


def allowed(right: Tensor, plain: Tensor) -> float:
    """How much a backend may err where ``plain`` are the plain formulas in its dtype."""
    floor = 16 * torch.finfo(plain.dtype).eps * max(1.0, right.abs().max().item())
    return 2 * (plain.double() - right).abs().max().item() + floor


def assert_near(right: Tensor, plain: Tensor, got: Tensor) -> None:
    """``got`` errs no more than is allowed."""
    assert got.shape == right.shape
    assert got.isfinite().all()
    if right.numel():
        assert (got.double() - right).abs().max().item() <= allowed(right, plain)
