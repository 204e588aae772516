"""The stack against ``torch.nn``'s, its options one by one, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lamina.cells import CELLS
from lamina.nn import INITS, Stack, StackOptions
from lamina.spec import LaminaError, state_tensors

CELL_NAMES = ("rnn", "gru", "lstm")
EXACT = {"atol": 1e-10, "rtol": 1e-10}


def pairs(theirs: torch.nn.RNNBase, ours: Stack) -> Iterator[tuple[Tensor, Tensor]]:
    """torch's weights, each with the one of the stack in the same place."""
    for index, layer in enumerate(ours.layers):
        for suffix, direction in zip(("", "_reverse"), layer.directions, strict=False):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                yield getattr(theirs, f"{name}_l{index}{suffix}"), getattr(direction, name)


def stacked(parts: Any) -> tuple[Tensor, ...]:
    """lamina's state, or torch's, as ``(h,)`` or ``(h, c)``, each ``(L*D, B, H)``."""
    if isinstance(parts, Tensor):
        return (parts,)
    if isinstance(parts[0], Tensor):
        return parts
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, (5, 2, 4)])
def test_equals_torch(cell: str, bidirectional: bool, lengths: Any) -> None:
    torch.manual_seed(0)
    theirs = getattr(torch.nn, cell.upper())(3, 6, 3, bidirectional=bidirectional).double()
    ours = Stack(3, cell=cell, depth=3, width=6, bidirectional=bidirectional).double()
    for right, got in pairs(theirs, ours):
        got.data.copy_(right)
    x = torch.randn(5, 3, 3, dtype=torch.float64)
    start = tuple(tuple(torch.randn_like(part) for part in layer) for layer in ours.zero_state(3))
    hx = stacked(start)
    hx = hx if cell == "lstm" else hx[0]
    if lengths is None:
        right, final = theirs(x, hx)
        got, state = ours(x, start)
    else:
        given = torch.tensor(lengths)
        packed, final = theirs(pack_padded_sequence(x, given, enforce_sorted=False), hx)
        right, _ = pad_packed_sequence(packed)
        got, state = ours(x, start, given)
    torch.testing.assert_close(got, right, **EXACT)
    torch.testing.assert_close(stacked(state), stacked(final), **EXACT)

    weight = torch.randn_like(right)
    (got * weight).sum().backward()
    (right * weight).sum().backward()
    for right, got in pairs(theirs, ours):
        torch.testing.assert_close(got.grad, right.grad, **EXACT)


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_number_of_parameters(cell: str, norm: Any, bidirectional: bool, residual: bool) -> None:
    widths, inputs, g, d = (4, 4, 7), 5, len(CELLS[cell].gates), 1 + bidirectional
    made = Stack(
        inputs,
        cell=cell,
        depth=3,
        width=widths,
        norm=norm,
        bidirectional=bidirectional,
        residual=residual,
    )
    need = 0
    for size, h in zip((inputs, d * 4, d * 4), widths, strict=True):
        gains = {"none": 0, "batch": g * h, "layer": 2 * g * h + (2 * h if cell == "lstm" else 0)}
        need += d * (g * h * (size + h) + 2 * g * h + gains[norm])
    if residual:
        need += (d * 4) * (d * 7)  # only the third layer changes the size
    assert sum(p.numel() for p in made.parameters()) == need
    assert made.outputs == d * 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, "depth is 0; need 1 to 1,000"),
        ({"dropout": 1.0}, "dropout is 1.0; need 0 <= dropout < 1"),
        ({"dropout": -0.1}, "dropout is -0.1; need 0 <="),
        ({"recurrent_dropout": 1.5}, "recurrent_dropout is 1.5; need 0 <= recurrent_dropout < 1"),
        ({"depth": 3, "width": (4, 4)}, "width has 2 entries, depth is 3; need one a layer, or a"),
        (
            {"cell": "rnn", "depth": 3, "activation": ("tanh", "relu")},
            "activation has 2 entries, depth is 3; need one a layer, or a single one for all",
        ),
        ({"width": 0}, "width is 0; need 1 to 1,000,000"),
        ({"width": (4, 0)}, r"width is \(4, 0\); need 1 to 1,000,000 in each entry"),
        ({"cell": "gru", "activation": "relu"}, "activation is 'relu'; cell 'gru' needs tanh"),
        (
            {"cell": "rnn", "activation": "sine"},
            "activation is 'sine'; need one of tanh, relu",
        ),
        ({"cell": "mlp"}, "cell is 'mlp'; need one of rnn, gru, lstm"),
        ({"norm": "group"}, "norm is 'group'; need one of none, layer, batch"),
        ({"init": "ones"}, "init is 'ones'; need one of uniform, xavier, he, orthogonal"),
        ({"dropout_kind": "zone"}, "dropout_kind is 'zone'; need one of plain, locked"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LaminaError, match=message) as by_struct:
        StackOptions(**changes)
    with pytest.raises(LaminaError, match=message):
        Stack(3, **changes)
    assert "\n" not in str(by_struct.value)


def test_wrong_inputs_and_states_are_refused() -> None:
    made = Stack(3, cell="gru", depth=2, width=4)
    x = torch.zeros(5, 2, 3)
    with pytest.raises(LaminaError, match=r"x is \(5, 2, 4\); need \(T, B, I=3\)"):
        made(torch.zeros(5, 2, 4))
    with pytest.raises(LaminaError, match=r"x is \(5, 3\); need"):
        made(torch.zeros(5, 3))
    for wrong in (made.zero_state(3), made.zero_state(2)[:1], Stack(3, width=4).zero_state(2)):
        with pytest.raises(LaminaError, match=r"need .*Use stack\.zero_state\(2\)\."):
            made(x, wrong)
    with pytest.raises(LaminaError, match=r"lengths go from 1 to 6; need each in 1\.\.T=5"):
        made(x, lengths=torch.tensor([6, 1]))
    with pytest.raises(
        LaminaError, match="'fast'; need one of auto, native, library, parallel, reference"
    ):
        made(x, backend="fast")


@pytest.mark.parametrize("bidirectional", [False, True])
def test_residual_adds_a_layers_input_to_its_output(bidirectional: bool) -> None:
    torch.manual_seed(0)
    made = Stack(3, depth=3, width=(4, 4, 6), residual=True, bidirectional=bidirectional)
    x = torch.randn(5, 2, 3)
    outputs, _ = made(x)
    by_hand = x
    for index, layer in enumerate(made.layers):
        initial = made.zero_state(2)[index]
        out, _ = layer(by_hand, initial, None, None, "auto")
        if index == 1:
            out = out + by_hand  # the same size: nothing is learned
        if index == 2:
            out = out + by_hand @ made.skips[1].weight.T
        by_hand = out
    torch.testing.assert_close(outputs, by_hand)
    assert made.skips[1].weight.shape == ((12, 8) if bidirectional else (6, 4))
    assert not list(made.skips[0].parameters())
    plain = Stack(3, depth=3, width=(4, 4, 6), bidirectional=bidirectional)
    assert len(plain.skips) == 0


def masks_between(made: Stack, x: Tensor, calls: int = 1) -> list[Tensor]:
    """What stood between the first two layers, divided by the first one's outputs."""
    seen: dict[str, Tensor] = {}
    hooks = [
        made.layers[0].register_forward_hook(lambda m, a, out: seen.update(out=out[0])),
        made.layers[1].register_forward_pre_hook(lambda m, a: seen.update(into=a[0])),
    ]
    found = []
    for _ in range(calls):
        made(x)
        found.append((seen["into"] / seen["out"]).detach())
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("kind", ["plain", "locked"])
def test_dropout_between_layers(kind: Any) -> None:
    torch.manual_seed(0)
    made = Stack(3, depth=2, width=100, dropout=0.25, dropout_kind=kind)
    x = torch.randn(20, 30, 3)
    first, second = masks_between(made, x, calls=2)
    kept = first != 0
    torch.testing.assert_close(first[kept], torch.full_like(first[kept], 1 / 0.75))
    # locked draws 3 000 numbers, so that its share has a deviation of 0.008
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert first.mean().item() == pytest.approx(1.0, abs=0.04)
    same_over_time = bool((kept == kept[:1]).all())
    assert same_over_time == (kind == "locked")
    assert not torch.equal(kept[:, 0], kept[:, 1])  # members have masks of their own
    assert not torch.equal(kept, second != 0)  # and every call
    if kind == "plain":  # no step's mask is another's
        assert len({tuple(step.flatten().tolist()) for step in kept}) == 20

    (still,) = masks_between(made.eval(), x)
    torch.testing.assert_close(still, torch.ones_like(still))


def test_dropout_comes_before_every_layer_but_the_first() -> None:
    torch.manual_seed(0)
    one = Stack(3, depth=1, width=8, dropout=0.9)
    x = torch.randn(4, 2, 3)
    assert torch.equal(one(x)[0], one.eval()(x)[0])
    two = Stack(3, depth=2, width=8, dropout=0.9)
    outputs, _ = two(x)
    assert (outputs != 0).all()  # nothing is dropped above the top layer


def test_recurrent_dropout_has_one_mask_for_all_steps() -> None:
    """With ``h_t = relu(0 x_t + I (m * h_{t-1}))`` and ``h_0 = 1``, ``h_t`` is ``m`` to the power
    of ``t``."""
    hidden = 1000
    torch.manual_seed(0)
    made = Stack(
        1, cell="rnn", activation="relu", depth=1, width=hidden, recurrent_dropout=0.5, init="he"
    )
    (direction,) = made.layers[0].directions
    torch.nn.init.zeros_(direction.weight_ih)
    torch.nn.init.eye_(direction.weight_hh)
    x, start = torch.zeros(4, 2, 1), ((torch.ones(1, 2, hidden),),)
    outputs, _ = made(x, start)
    m = outputs[0]
    assert set(m.unique().tolist()) == {0.0, 2.0}
    assert m.mean().item() == pytest.approx(1.0, abs=0.1)
    for t in range(4):
        torch.testing.assert_close(outputs[t], m ** (t + 1))
    assert not torch.equal(m[0], m[1])
    assert not torch.equal(made(x, start)[0][0], m)
    torch.testing.assert_close(made.eval()(x, start)[0], torch.ones(4, 2, hidden))


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_masks_follow_the_generator(option: str) -> None:
    made = Stack(3, depth=2, width=8, **{option: 0.5})
    x = torch.randn(4, 2, 3)
    one, same, other = (
        made(x, generator=torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_gradcheck_with_every_option(cell: str, norm: Any) -> None:
    torch.manual_seed(0)
    made = Stack(
        2,
        cell=cell,
        depth=3,
        width=(2, 2, 3),
        activation=("tanh", "relu", "tanh") if cell == "rnn" else "tanh",
        bidirectional=True,
        residual=True,
        norm=norm,
        dropout=0.3,
        dropout_kind="locked",
        recurrent_dropout=0.3,
    ).double()
    names = [name for name, _ in made.named_parameters()]
    values = [torch.randn_like(p).requires_grad_() for p in made.parameters()]
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    start = [torch.randn_like(p).requires_grad_() for _, p in state_tensors(made.zero_state(2))]
    parts = 2 if cell == "lstm" else 1

    def f(x: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
        state, weights = leaves[: len(start)], leaves[len(start) :]
        layers = tuple(tuple(state[i : i + parts]) for i in range(0, len(state), parts))
        generator = torch.Generator().manual_seed(0)
        outputs, final = functional_call(
            made,
            dict(zip(names, weights, strict=True)),
            (x, layers, torch.tensor([3, 2])),
            {"generator": generator, "backend": "reference"},
        )
        return (outputs, *(part for _, part in state_tensors(final)))

    assert torch.autograd.gradcheck(f, (x, *start, *values), fast_mode=True)


def test_explain_says_which_kernel_runs_and_why() -> None:
    def backends(made: Stack) -> set[str]:
        return {choice.backend for choice in made.explain()}

    assert backends(Stack(3).double()) == {"library"}
    assert backends(Stack(3, norm="batch").double()) == {"library"}
    normed = Stack(3, depth=3, norm="layer").double()
    assert [choice.backend for choice in normed.explain()] == ["reference"] * 3
    assert "layer-normalised" in normed.explain()[0].why
    dropped = Stack(3, recurrent_dropout=0.5).double()
    assert backends(dropped) == {"reference"}
    assert "dropout inside the recurrence" in dropped.explain()[0].why
    assert backends(dropped.eval()) == {"library"}
    assert dropped.explain("reference")[0].why == "chosen by name"
    with pytest.raises(LaminaError, match="cannot run this"):
        normed.explain("library")


def test_explain_draws_no_random_number() -> None:
    made = Stack(3, recurrent_dropout=0.5)
    before = torch.get_rng_state()
    made.explain()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_a_stack_without_memory_of_its_own(init: Any, norm: Any) -> None:
    with torch.device("meta"):
        made = Stack(1000, depth=4, width=100_000, init=init, norm=norm, bidirectional=True)
    assert all(p.device.type == "meta" for p in made.parameters())
    small = {name: tuple(p.shape) for name, p in Stack(3, depth=2, width=4).named_parameters()}
    with torch.device("meta"):
        again = Stack(3, depth=2, width=4)
    assert {name: tuple(p.shape) for name, p in again.named_parameters()} == small


def test_options_can_be_changed_by_name() -> None:
    base = StackOptions(cell="gru", depth=2, width=8)
    made = Stack(3, base, depth=5)
    assert made.options == StackOptions(cell="gru", depth=5, width=8)
    assert len(made.layers) == 5
    assert base.depth == 2


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_autocast_computes_deep_stacks_in_its_dtype(cell: str, norm: str) -> None:
    torch.manual_seed(0)
    stack = Stack(3, cell=cell, depth=3, width=8, norm=norm, residual=True)
    x = torch.randn(6, 4, 3)
    exact, _ = stack.eval()(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first, state = stack(x[:2])
        second, _ = stack(x[2:], state)  # the state of one batch enters the next
    assert first.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits; three layers of six steps add up some of its rounding.
    torch.testing.assert_close(torch.cat((first, second)).float(), exact, atol=0.1, rtol=0.1)
    loss = second.float().square().mean()
    grads = torch.autograd.grad(loss, list(stack.parameters()), allow_unused=True)
    assert all(grad is None or grad.dtype == torch.float32 for grad in grads)


def test_dropout_leaves_the_residual_path_whole() -> None:
    torch.manual_seed(0)
    stack = Stack(4, cell="lstm", depth=6, width=4, residual=True, dropout=0.5).train()
    with torch.no_grad():
        for layer in stack.layers[1:]:
            for parameter in layer.parameters():
                parameter.zero_()
    outputs, _ = stack(torch.randn(5, 3, 4))
    assert (outputs != 0).all()  # layers that give nothing pass on what they got


def test_batch_normalisation_runs_on_the_fused_kernel() -> None:
    stack = Stack(3, cell="lstm", depth=2, width=4, norm="batch").double()
    assert {choice.backend for choice in stack.explain()} == {"library"}


def test_lengths_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(LaminaError, match=r"need \(B=3,\)"):
        Stack(4, depth=1, width=2)(torch.zeros(5, 3, 4), lengths=torch.tensor([5, 5]))
