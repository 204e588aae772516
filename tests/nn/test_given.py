"""What callers plausibly give: taken where the meaning is clear, else refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

import lamina.nn
from lamina.nn import (
    CRF,
    Convolution,
    Encoder,
    Independent,
    Pyramid,
    Stack,
    StackOptions,
    attention,
    pool,
    valid_steps,
)
from lamina.spec import LaminaError

T, B, SIZE = 7, 4, 8
LENGTHS = [7, 3, 2, 1]
X = torch.randn(T, B, SIZE, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(T * B).view(T, B) % SIZE
SMALL: dict[str, Any] = {"width": SIZE, "depth": 2}

#: Every public entry that takes lengths.
ENTRIES: dict[str, Callable[[Any], Any]] = {
    "Stack": lambda n: Stack(SIZE, **SMALL)(X, lengths=n)[0],
    "Stack, batch norm": lambda n: Stack(SIZE, norm="batch", **SMALL)(X, lengths=n)[0],
    "Encoder": lambda n: Encoder(SIZE, StackOptions(**SMALL))(X, n)[0],
    "Pyramid": lambda n: Pyramid(SIZE, StackOptions(**SMALL), 0)(X, lengths=n)[0],
    "Convolution": lambda n: Convolution(SIZE, 3)(X, n)[0],
    "CRF.loss": lambda n: CRF(SIZE).loss(X, LABELS, n),
    "CRF.decode": lambda n: CRF(SIZE).decode(X, n),
    "Independent.loss": lambda n: Independent(SIZE).loss(X, LABELS, n),
    "Independent.decode": lambda n: Independent(SIZE).decode(X, n),
    "attention": lambda n: attention("additive", 2, SIZE).prepare(X, n).keys,
    **{f"pool {name}": lambda n, name=name: pool(name, SIZE, 1)(X, n) for name in lamina.nn.POOLS},
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    "form",
    [list, tuple, np.array, lambda n: np.array(n, np.int32), lambda n: torch.tensor(n).int()],
    ids=["list", "tuple", "array", "int32 array", "int32 tensor"],
)
def test_lengths_may_be_lists_arrays_and_any_whole_numbers(entry: str, form: Any) -> None:
    torch.manual_seed(0)
    right = ENTRIES[entry](torch.tensor(LENGTHS))
    torch.manual_seed(0)
    assert torch.equal(ENTRIES[entry](form(LENGTHS)), right)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([7, 3, 2], r"need \(B=4,\)"),
        ([8, 3, 2, 1], "go from 1 to 8; need each in 1..T=7"),
        ([0, 3, 2, 1], "go from 0 to 3"),
        ([7.0, 3.0, 2.0, 1.0], "float64; need"),
        ([7, None, 2, 1], "need .* whole numbers"),
        ([[7], [3, 2], 1], r"need \(B=4,\)"),
        (torch.tensor([True, False, True, True]), "torch.bool"),
        (7, "lengths is an int"),
        ("7321", "lengths is a str"),
        (torch.tensor(LENGTHS, device="meta"), "on meta; need"),
    ],
)
def test_other_lengths_are_refused(entry: str, lengths: Any, message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        ENTRIES[entry](lengths)


def test_a_mask_is_made_of_lists_too() -> None:
    assert valid_steps(LENGTHS, T, "cpu").sum(dim=0).tolist() == LENGTHS


make: Any = Stack
convolve: Any = Convolution
stack: Any = Stack(SIZE, **SMALL)
half: Any = Stack(SIZE, **SMALL)
half.layers[0].half()
twice = Stack(SIZE, **SMALL).double().zero_state(B)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stack(X.numpy()), r"x is a numpy array; need .*from_numpy\(x\)"),
        (lambda: stack(X.tolist()), r"x is a list; need .*torch.tensor\(x\)"),
        (lambda: stack(pack_padded_sequence(X, torch.tensor(LENGTHS))), "pad_packed_sequence"),
        (lambda: stack(X.to_sparse()), r"use to_dense\(\)"),
        (lambda: stack(X.double()), r"x is torch.float64, .*: x.to\(torch.float32\)"),
        (lambda: stack(X.long()), r"x is torch.int64, .*: x.to\(torch.float32\)"),
        (lambda: half(X), "the weights are torch.float16"),
        (lambda: stack(X.to("meta")), "x is meta, the weights are cpu"),
        (lambda: stack(X.transpose(0, 1), lengths=LENGTHS), r"x.transpose\(0, 1\)"),
        (lambda: stack(X, torch.zeros(2, B, SIZE)), r"state is \(2, 4, 8\); need"),
        (lambda: stack(X, (None, None)), "state is .*NoneType.*; need"),
        (lambda: stack(X, twice), "h0 is torch.float64"),
        (lambda: stack(X, generator=3), "generator is 3; need a torch.Generator"),
        (lambda: stack(None, tokens=torch.zeros(T, B)), "float32 on cpu; need"),
        (lambda: stack(None, tokens=3), "tokens is an int"),
        (lambda: stack.zero_state(2.5), "batch is 2.5; need a whole number"),
        (lambda: stack.stepper(2.5), "batch is 2.5; need 1 to 8"),
        (lambda: stack.stepper(embedding="one-hot"), "embedding is 'one-hot'; need"),
        (lambda: stack.stepper(embedding=np.zeros((3, SIZE))), "embedding is a numpy array"),
        (lambda: setattr(stack.stepper(), "state", 3), "state is an int"),
        (lambda: make(2.5), "inputs is 2.5; need a whole number"),
        (lambda: make(0), "inputs is 0; need 1"),
        (lambda: make(SIZE, {"depth": 2}), "options is dict .*; need a StackOptions"),
        (lambda: make(SIZE, batch_first=True), "no option 'batch_first'; there are: cell"),
        (lambda: make(SIZE, widths=3), "did you mean 'width'"),
        (lambda: convolve(SIZE, 2.5), "convolution is 2.5"),
        (lambda: convolve(SIZE, 2)(None, None, torch.zeros(T, B).long()), "x is None; need a"),
    ],
)
def test_plausible_mistakes_are_refused_in_one_line(call: Any, message: str) -> None:
    with pytest.raises(LaminaError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
