"""``lamina.nn.RNN/GRU/LSTM`` against ``torch.nn``'s: same names, same numbers, same refusals."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

# torch's own samples; they need the package ``expecttest``, and without it this file fails loudly.
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import lamina.nn
from conformance import assert_near
from lamina.kernels import Request, native

NAMES = ("RNN", "GRU", "LSTM")
INFOS = {
    info.module_cls.__name__: info
    for info in module_db
    if info.module_cls in (torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM)
}


def pair(name: str, *args: Any, **kwargs: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    """torch's module and ours with the same weights."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(lamina.nn, name)(*args, **kwargs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs, ours


def tensors(value: Any) -> list[Tensor]:
    """Every floating tensor in nested tuples and packed sequences, in order."""
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, Tensor):
        return [value]
    return [t for part in value if part is not None for t in tensors(part)]


def fresh(value: Any, dtype: torch.dtype) -> Any:
    """The same structure with leaves of its own that want gradients."""
    if isinstance(value, PackedSequence):
        return value._replace(data=fresh(value.data, dtype))
    if isinstance(value, Tensor):
        return value.detach().to(dtype, copy=True).requires_grad_()
    return tuple(fresh(part, dtype) for part in value)


def everything(module: torch.nn.Module, args: tuple, dtype: torch.dtype) -> list[Tensor]:
    """Output, final state, and the gradients of all inputs and weights."""
    module = copy.deepcopy(module).to(dtype)
    args = fresh(args, dtype)
    found = tensors(module(*args))
    loss = sum((t * torch.linspace(-1, 1, t.numel(), dtype=dtype).view_as(t)).sum() for t in found)
    leaves = [*tensors(args), *module.parameters()]
    return [*found, *torch.autograd.grad(loss, leaves)]  # type: ignore[arg-type]


def assert_alike(theirs: torch.nn.Module, ours: torch.nn.Module, args: tuple) -> None:
    exact = everything(theirs, args, torch.float64)
    for right, got in zip(exact, everything(ours, args, torch.float64), strict=True):
        torch.testing.assert_close(got, right, atol=1e-10, rtol=1e-10)
    rounded = everything(theirs, args, torch.float32)
    for right, plain, got in zip(
        exact, rounded, everything(ours, args, torch.float32), strict=True
    ):
        assert got.dtype == torch.float32
        assert_near(right, plain, got)


def shipped(name: str) -> list[Any]:
    """torch's own samples; its LSTM function has no packed ones."""
    info = INFOS[name]
    packed = {} if name == "LSTM" else {"with_packed_sequence": True}
    torch.manual_seed(0)
    return info.module_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=True, **packed
    )


@pytest.mark.parametrize("name", NAMES)
def test_equals_torch_on_the_inputs_torch_ships(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both dtypes; and the core runs all in float32 that it can run."""
    ran = []

    def scan(request: Request) -> Any:
        ran.append(request.x.dtype)
        return core(request)

    core = native.scan
    monkeypatch.setattr(native, "scan", scan)
    samples = shipped(name)
    assert len(samples) >= 32
    for sample in samples:
        made = sample.constructor_input
        theirs, ours = pair(name, *made.args, **made.kwargs)
        ran.clear()
        assert_alike(theirs, ours, sample.forward_input.args)
        if native._core is not None and not ours.proj_size:
            assert ran == [torch.float32] * (ours.num_layers * (1 + ours.bidirectional))


@pytest.mark.parametrize("name", NAMES)
def test_refuses_what_torch_refuses(name: str) -> None:
    info = INFOS[name]
    samples = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
    )
    reached = set()
    for sample in samples:
        made, given_input = (
            sample.module_error_input.constructor_input,
            sample.module_error_input.forward_input,
        )
        reached.add(sample.error_on)
        if sample.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(sample.error_type, match=sample.error_regex):
                getattr(lamina.nn, name)(*made.args, **made.kwargs)
        else:
            module = getattr(lamina.nn, name)(*made.args, **made.kwargs)
            with pytest.raises(sample.error_type, match=sample.error_regex):
                module(*given_input.args, **given_input.kwargs)
    assert reached == set(ModuleErrorEnum)


def state(name: str, *shape: int) -> Any:
    return (torch.zeros(shape), torch.zeros(shape)) if name == "LSTM" else torch.zeros(shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("x", "h"),
    [
        ((3,), None),
        ((2, 2, 2, 3), None),
        ((5, 2, 4), None),
        ((5, 2, 3), (1, 2, 6)),
        ((5, 2, 3), (2, 1, 6)),
        ((5, 2, 3), (2, 2, 5)),
        ((5, 2, 3), (2, 6)),
        ((5, 3), (2, 1, 6)),
        ((5, 3), (2, 5)),
        ((5, 4), None),
    ],
    ids=str,
)
def test_wrong_shapes_raise_as_torch_does(
    name: str, x: tuple[int, ...], h: tuple[int, ...] | None
) -> None:
    theirs, ours = pair(name, 3, 6, 2)
    hx = None if h is None else state(name, *h)
    with pytest.raises((ValueError, RuntimeError)) as right:
        theirs(torch.zeros(x), hx)
    with pytest.raises(right.type):
        ours(torch.zeros(x), hx)
    assert ours(torch.zeros(5, 2, 3))[0].shape == (5, 2, 6)


@pytest.mark.parametrize("name", NAMES)
def test_a_packed_batch_with_a_state_of_another_size_is_refused(name: str) -> None:
    packed = pack_sequence([torch.zeros(3, 3), torch.zeros(2, 3)])
    _, ours = pair(name, 3, 6)
    with pytest.raises(RuntimeError, match=r"Expected hidden.* size \(1, 2, 6\)"):
        ours(packed, state(name, 1, 3, 6))


@st.composite
def modules(draw: st.DrawFn) -> tuple[str, tuple[int, int, int], dict[str, Any]]:
    """A name, (inputs, hidden, layers), and options."""
    name = draw(st.sampled_from(NAMES))
    hidden = draw(st.integers(2, 6))
    options = {key: draw(st.booleans()) for key in ("bias", "batch_first", "bidirectional")}
    if name == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if name == "LSTM":
        options["proj_size"] = draw(st.integers(0, hidden - 1))
    return name, (draw(st.integers(1, 5)), hidden, draw(st.integers(1, 3))), options


@pytest.mark.parametrize("form", ["unbatched", "batched", "sorted", "unsorted"])
@pytest.mark.parametrize("with_state", [False, True])
@given(made=modules(), lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_equals_torch(
    made: tuple[str, tuple[int, int, int], dict[str, Any]],
    form: str,
    lengths: list[int],
    with_state: bool,
) -> None:
    name, (inputs, hidden, layers), options = made
    theirs, ours = pair(name, inputs, hidden, layers, **options)
    assert repr(theirs) == repr(ours)
    batch, steps = len(lengths), max(lengths)
    first = options["batch_first"]
    x: Any = torch.randn((batch, steps, inputs) if first else (steps, batch, inputs))
    if form == "unbatched":
        x = x[0] if first else x[:, 0]
    elif form != "batched":
        order = sorted(lengths, reverse=True) if form == "sorted" else lengths
        x = pack_padded_sequence(
            x, torch.tensor(order), batch_first=first, enforce_sorted=form == "sorted"
        )
    args = (x,)
    if with_state:
        axes = () if form == "unbatched" else (batch,)
        rows = layers * (2 if options["bidirectional"] else 1)
        h = torch.randn(rows, *axes, options.get("proj_size") or hidden)
        args = (x, (h, torch.randn(rows, *axes, hidden)) if name == "LSTM" else h)
    assert_alike(theirs, ours, args)

    right, got = theirs(*args)[0], ours(*args)[0]
    assert type(got) is type(right)
    if isinstance(right, PackedSequence):
        for a, b in zip(got[1:], right[1:], strict=True):
            assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch_first", [False, True])
def test_dropout_is_torchs(name: str, batch_first: bool) -> None:
    theirs, ours = pair(name, 3, 8, 3, dropout=0.5, batch_first=batch_first, bidirectional=True)
    x = torch.randn(4, 5, 3)
    outputs = []
    for module in (theirs, ours):
        torch.manual_seed(1)
        outputs.append(module(x)[0])
    torch.testing.assert_close(outputs[1], outputs[0])
    assert not torch.allclose(ours(x)[0], outputs[1])  # another mask
    packed = pack_sequence([torch.randn(5, 3), torch.randn(2, 3)])
    assert not torch.equal(ours(packed)[0].data, ours(packed)[0].data)
    theirs.eval()
    ours.eval()
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])
    torch.testing.assert_close(ours(packed)[0].data, theirs(packed)[0].data)


class Program(torch.nn.Module):
    """What somebody might have: packed reviews in, a class out."""

    def __init__(self, library: Any, name: str):
        super().__init__()
        self.embed = torch.nn.Embedding(20, 6)
        self.rnn = getattr(library, name)(6, 8, 2, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(16, 3)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = pack_padded_sequence(self.embed(tokens), lengths, True, enforce_sorted=False)
        _, hidden = self.rnn(x)
        h = hidden[0] if isinstance(hidden, tuple) else hidden
        return self.head(torch.cat((h[-2], h[-1]), dim=1))


@pytest.mark.parametrize("name", NAMES)
def test_a_program_trains_the_same_after_the_swap(name: str) -> None:
    losses = []
    for library in (torch.nn, lamina.nn):
        torch.manual_seed(0)
        model = Program(library, name).double()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        tokens, labels = torch.randint(20, (5, 9)), torch.randint(3, (5,))
        lengths = torch.tensor([4, 9, 1, 9, 6])
        curve = []
        for _ in range(4):
            loss = torch.nn.functional.cross_entropy(model(tokens, lengths), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            curve.append(loss.item())
        losses.append(curve)
    assert losses[1] == pytest.approx(losses[0], rel=1e-8)
    assert losses[1][-1] < losses[1][0]


@pytest.mark.parametrize("name", NAMES)
def test_weights_move_both_ways(name: str) -> None:
    extra = {"proj_size": 2} if name == "LSTM" else {}
    theirs = getattr(torch.nn, name)(3, 4, 2, bidirectional=True, **extra)
    ours = getattr(lamina.nn, name)(3, 4, 2, bidirectional=True, **extra)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert isinstance(ours, type(theirs))
    x = torch.randn(5, 2, 3)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(theirs(x)[0], ours(x)[0])
    torch.nn.init.ones_(theirs.weight_hh_l1_reverse)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    torch.testing.assert_close(theirs(x)[0], ours(x)[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_equal_and_separate(name: str) -> None:
    _, ours = pair(name, 3, 4)
    x = torch.randn(5, 2, 3)
    before = ours(x)[0]
    twin = copy.deepcopy(ours)
    assert torch.equal(twin(x)[0], before)
    torch.nn.init.ones_(twin.weight_hh_l0)
    twin.flatten_parameters()
    assert not torch.allclose(twin(x)[0], before)
    assert torch.equal(ours(x)[0], before)


@pytest.mark.parametrize("name", NAMES)
def test_other_weights_can_be_put_in_for_one_call(name: str) -> None:
    theirs, ours = pair(name, 3, 4)
    other = {key: torch.randn_like(p).double() for key, p in theirs.named_parameters()}
    x = torch.randn(5, 2, 3).double()
    right = torch.func.functional_call(theirs, other, (x,))[0]
    torch.testing.assert_close(torch.func.functional_call(ours, other, (x,))[0], right)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_low_precision_works_where_torchs_does(name: str, packed: bool) -> None:
    sequences = [torch.randn(5, 3), torch.randn(2, 3)]
    for dtype, autocast in (
        (torch.bfloat16, False),
        (torch.float16, False),
        (torch.float32, True),
        (torch.bfloat16, True),
    ):
        theirs, ours = pair(name, 3, 8, 2, bidirectional=True, dtype=None if autocast else dtype)
        x = pack_sequence([s.to(dtype) for s in sequences])
        x = x if packed else sequences[0][:, None].to(dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            try:
                right = theirs(x)
            except RuntimeError:  # not every CPU has a primitive for it
                continue
            got = ours(x)
        for a, b in zip(tensors(got), tensors(right), strict=True):
            assert a.dtype == b.dtype
            torch.testing.assert_close(a, b, atol=0.05, rtol=0.05)
        tensors(got)[0].float().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in ours.parameters())


def test_the_device_and_dtype_arguments() -> None:
    made = lamina.nn.LSTM(3, 4, device="meta", dtype=torch.float64)
    assert made.weight_ih_l0.device.type == "meta"
    assert made.weight_ih_l0.dtype == torch.float64


def test_packed_input_does_not_take_torchs_packed_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every test above would pass with nothing gained."""
    _, ours = pair("LSTM", 3, 4)

    def refuse(*args: Any) -> None:
        raise AssertionError("torch's forward was called")

    monkeypatch.setattr(torch.nn.LSTM, "forward", refuse)
    ours(pack_sequence([torch.zeros(2, 3)]))
    ours(torch.zeros(2, 1, 3))
