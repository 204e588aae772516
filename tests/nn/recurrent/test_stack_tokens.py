"""A table and tokens, or tokens as one-hots: the same as the rows that they stand for."""

from __future__ import annotations

import copy
import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import one_hot
from torch.utils._python_dispatch import TorchDispatchMode

import lamina.kernels
from lamina.kernels import reference
from lamina.nn import Stack, StackOptions
from lamina.spec import LaminaError
from laws import EXACT, options, stack

INPUTS = 3

#: What must not be left to chance: statistics over the steps and not over the table's rows.
NORMED = StackOptions(cell="gru", depth=2, width=4, norm="batch", bidirectional=True)

#: Batch normalisation in training divides by the deviation of what it is given, and by the root
#: of its eps (1 / 316) where all of a batch is the same: three layers blow rounding up by 316^3.
BLOWN_UP = {"atol": 1e-6, "rtol": 1e-6}

lengths_of = st.lists(st.integers(1, 7), min_size=1, max_size=4)


def drawn(rows: int, lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Random tokens with none in the padding, and the same with the first row there."""
    torch.manual_seed(1)
    clean = torch.randint(0, rows, (max(lengths), len(lengths)))
    junk = clean.clone()
    for member, length in enumerate(lengths):
        junk[length:, member] = (-1, rows + 7)[member % 2]
        clean[length:, member] = 0
    return junk, clean


def tolerance(chosen: StackOptions, training: bool) -> dict[str, float]:
    """How near two orders of the same sums must be."""
    return BLOWN_UP if training and chosen.norm == "batch" else EXACT


def everything(net: Stack, x: Tensor | None, lengths: list[int], **given: Any) -> list[Tensor]:
    """Outputs, state, every gradient and every running statistic of a copy of ``net``."""
    net = copy.deepcopy(net)
    x = None if x is None else x.detach().requires_grad_()
    generator = torch.Generator().manual_seed(2)
    outputs, state = net(x, lengths=torch.tensor(lengths), generator=generator, **given)
    torch.manual_seed(3)
    (outputs * torch.randn_like(outputs)).sum().backward()
    grads = [p.grad for p in net.parameters() if p.grad is not None]
    made = [outputs, *(part for layer in state for part in layer), *grads, *net.buffers()]
    return made if x is None or x.grad is None else [*made, x.grad]


@given(
    options(), lengths_of, st.integers(1, 8), st.booleans(), st.sampled_from(["auto", "reference"])
)
@example(NORMED, [5, 1, 3], 4, True, "auto")
def test_a_table_and_tokens_equal_the_rows(
    chosen: StackOptions, lengths: list[int], rows: int, training: bool, backend: str
) -> None:
    net = stack(chosen, INPUTS).train(training)
    tokens, clean = drawn(rows, lengths)
    table = torch.randn(rows, INPUTS, dtype=torch.float64)
    *got, of_table = everything(net, table, lengths, tokens=tokens, backend=backend)
    *need, of_rows = everything(net, table[clean], lengths, backend=backend)
    assert len(got) == len(need)
    for ours, right in zip(got, need, strict=True):
        torch.testing.assert_close(ours, right, **tolerance(chosen, training))
    summed = torch.zeros_like(table).index_add(0, clean.flatten(), of_rows.flatten(0, 1))
    torch.testing.assert_close(of_table, summed, **tolerance(chosen, training))


@given(
    options(), lengths_of, st.integers(1, 30), st.booleans(), st.sampled_from(["auto", "reference"])
)
@example(NORMED, [5, 1, 3], 4, True, "auto")
def test_tokens_alone_equal_one_hots(
    chosen: StackOptions, lengths: list[int], rows: int, training: bool, backend: str
) -> None:
    net = stack(chosen, rows).train(training)
    tokens, clean = drawn(rows, lengths)
    got = everything(net, None, lengths, tokens=tokens, backend=backend)
    *need, _ = everything(net, one_hot(clean, rows).double(), lengths, backend=backend)
    assert len(got) == len(need)
    for ours, right in zip(got, need, strict=True):
        torch.testing.assert_close(ours, right, **tolerance(chosen, training))


@pytest.mark.parametrize(
    ("norm", "backend"),
    [
        *itertools.product(("none", "layer", "batch"), ("auto", "reference")),
        ("none", "library"),
        ("batch", "library"),
    ],
)
def test_no_one_hot_of_a_large_vocabulary_is_built(norm: Any, backend: str) -> None:
    rows, steps, batch = 5000, 40, 8

    class Largest(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            for made in out if isinstance(out, tuple | list) else [out]:
                if isinstance(made, Tensor):
                    self.numbers = max(self.numbers, made.numel())
            return out

    net = Stack(rows, cell="gru", depth=1, width=4, norm=norm)
    with Largest() as largest:
        outputs, _ = net(None, tokens=torch.zeros(steps, batch, dtype=torch.int64), backend=backend)
        outputs.sum().backward()
    assert largest.numbers < steps * batch * rows / 10


@pytest.mark.parametrize(
    ("x", "tokens", "message"),
    [
        (None, None, r"x is None; need \(T, B, I=3\)"),
        (torch.zeros(5, 2), torch.zeros(4, 2).long(), r"x is \(5, 2\); with tokens need a table"),
        (torch.zeros(4, 2, 3), torch.zeros(4, 2).long(), r"with tokens need a table \(V, I=3\)"),
        (torch.zeros(5, 3), torch.zeros(4).long(), r"tokens are \(4,\) .*; need \(T, B\) whole"),
        (torch.zeros(5, 3), torch.zeros(4, 2), "float32 on cpu; need"),
        (torch.zeros(5, 3), torch.full((4, 2), 5), r"from 5 to 5; need each in 0\.\.4, a row"),
        (None, torch.full((4, 2), 3), r"from 3 to 3; need each in 0\.\.2, a row of the table"),
        (None, torch.full((4, 2), -1), "from -1 to -1; need"),
    ],
)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_tables_and_tokens_that_do_not_fit_are_refused(
    x: Tensor | None, tokens: Tensor | None, message: str, norm: Any
) -> None:
    with pytest.raises(LaminaError, match=message):
        Stack(3, depth=1, width=2, norm=norm)(x, tokens=tokens)


def test_explain_asks_with_the_dtype_that_a_request_will_have(monkeypatch) -> None:
    def refuses(request: Any) -> str | None:
        kind, dtype = request.x.device.type, request.x.dtype
        return None if (kind, dtype) == ("cpu", torch.float32) else f"need float32, got {dtype}"

    picky = SimpleNamespace(refuses=refuses, scan=reference.scan)
    every = {"picky": picky, **lamina.kernels.BACKENDS}
    monkeypatch.setattr("lamina.kernels.door.BACKENDS", every)
    net = Stack(3, depth=2, width=4)
    assert {choice.backend for choice in net.explain()} == {"picky"}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert "got torch.bfloat16" in net.explain()[1].why
    assert "got torch.float64" in net.double().explain()[0].why
