"""Properties that hold for every stack, whatever its options: shared by the tests of each room."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance import allowed
from lamina.cells import CELLS
from lamina.kernels import native
from lamina.nn import Stack, StackOptions


@st.composite
def options(
    draw: st.DrawFn, *, causal: bool = False, most: int = 6, cells: tuple[str, ...] = ()
) -> StackOptions:
    """Any stack of small size. ``causal``: one direction only, as streams need."""
    cell = draw(st.sampled_from(cells or tuple(CELLS)))
    norm = draw(st.sampled_from(["none", "layer", "batch"]))
    depth = draw(st.integers(1, 3))
    widths = tuple(draw(st.integers(1, most)) for _ in range(depth))
    known = CELLS[cell].activations
    activations = tuple(draw(st.sampled_from(known)) for _ in range(depth))
    shares = [0.0] if CELLS[cell].recurrence == "none" else [0.0, 0.3]
    return StackOptions(
        cell=cell,
        depth=depth,
        width=widths,
        activation=activations,
        bidirectional=False if causal else draw(st.booleans()),
        residual=draw(st.booleans()),
        norm=norm,
        dropout=draw(st.sampled_from([0.0, 0.3])),
        dropout_kind=draw(st.sampled_from(["plain", "locked"])),
        recurrent_dropout=draw(st.sampled_from(shares)),
        init=draw(st.sampled_from(["uniform", "xavier", "he", "orthogonal"])),
        forget_bias=draw(st.sampled_from([None, 1.0])),
    )


@st.composite
def smooth_options(draw: st.DrawFn, *, causal: bool = False) -> StackOptions:
    """Stacks that rounding changes a little only, some wider than a vector of the core.

    Layer normalisation makes 1 and -1 of any two units: a jump where they are equal, and sums of
    several stand on the edge of a ReLU.
    """
    chosen = draw(options(causal=causal, most=19))
    if chosen.norm != "layer":
        return chosen
    widths = tuple(width if width == 1 else width + 2 for width in chosen.widths)
    return msgspec.structs.replace(chosen, width=widths, activation="tanh")


def stack(
    options: StackOptions, inputs: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Stack:
    """A stack in evaluation mode whose running statistics are not the trivial ones. What it holds
    is the same number in each dtype."""
    torch.manual_seed(seed)
    made = Stack(inputs, options)
    for name, buffer in made.named_buffers():
        buffer.uniform_(0.5, 1.5)
        assert "running" in name
    return made.to(dtype).eval()


#: Sums in another order round differently; nothing else may differ.
EXACT = {"atol": 1e-10, "rtol": 1e-10}

#: What is made in two ways that are to be equal, and the leaves whose gradients are to be, too.
TwoWays = tuple[list[Tensor], list[Tensor], list[Tensor]]

#: The plain equations in float64, and lamina's own core in float32.
each_dtype = pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        pytest.param(
            torch.float32,
            marks=pytest.mark.skipif(native._core is None, reason="the core is not built"),
        ),
    ],
    ids=str,
)


def assert_law(law: Callable[[torch.dtype, str], TwoWays], dtype: torch.dtype) -> None:
    """``law(dtype, backend)`` makes the same in two ways.

    One way is held against the other. In float32 they may differ by what :mod:`conformance` allows
    the one and the other to err, where all that is made is one vector and all gradients another: a
    single number of few sums may have been rounded luckily by the plain equations.
    """
    if dtype == torch.float64:
        for one, other in zip(*vectors(*law(dtype, "auto")), strict=True):
            torch.testing.assert_close(one, other, **EXACT)
        return
    right, _ = vectors(*law(torch.float64, "reference"))
    plain = vectors(*law(dtype, "reference"))
    got = vectors(*law(dtype, "auto"))  # lamina's core, where it knows the cell
    for exact, *simple, one, other in zip(right, *plain, *got, strict=True):
        assert one.isfinite().all()
        apart = (one.double() - other.double()).abs().max().item()
        assert apart <= sum(allowed(exact, way) for way in simple)


def vectors(one: list[Tensor], other: list[Tensor], leaves: list[Tensor]) -> list[list[Tensor]]:
    """For each way all that is made, and the gradient of the sum of its squares."""
    assert [part.shape for part in one] == [part.shape for part in other]
    ways = []
    for parts in (one, other):
        made = torch.cat([part.flatten() for part in parts])
        grads = torch.autograd.grad(made.square().sum(), leaves)
        ways.append([made, torch.cat([grad.flatten() for grad in grads])])
    return ways
