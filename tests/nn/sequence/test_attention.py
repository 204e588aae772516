"""Attention, encoder and decoder: the papers' equations, and the laws of padding and of steps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lamina.nn import ATTENTIONS, Decoder, Encoder, Stack, StackOptions, attention
from lamina.nn.sequence.attention import Memory
from lamina.spec import LaminaError
from laws import EXACT, options

KINDS = sorted(ATTENTIONS)


def double(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def test_additive_is_the_equation_of_bahdanau() -> None:
    torch.manual_seed(0)
    ask = attention("additive", 3, 4).double()
    outputs, query = double(5, 1, 4), double(1, 1, 3)
    contexts, weights = ask(query, ask.prepare(outputs))
    e = torch.stack(
        [
            ask.energy.weight[0]
            @ torch.tanh(ask.query.weight @ query[0, 0] + ask.key.weight @ h + ask.key.bias)
            for h in outputs[:, 0]
        ]
    )
    a = torch.softmax(e, dim=0)
    torch.testing.assert_close(weights[0, 0], a)
    torch.testing.assert_close(contexts[0, 0], a @ outputs[:, 0])


def test_multiplicative_is_the_equation_of_luong_with_a_scale() -> None:
    torch.manual_seed(0)
    ask = attention("multiplicative", 3, 4).double()
    outputs, query = double(5, 1, 4), double(1, 1, 3)
    contexts, weights = ask(query, ask.prepare(outputs))
    a = torch.softmax(outputs[:, 0] @ ask.key.weight.T @ query[0, 0] / 3**0.5, dim=0)
    torch.testing.assert_close(weights[0, 0], a)
    torch.testing.assert_close(contexts[0, 0], a @ outputs[:, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_padded_steps_weigh_nothing_and_are_never_read(kind: str) -> None:
    torch.manual_seed(0)
    ask = attention(kind, 3, 4).double()
    lengths = torch.tensor([5, 1, 3])
    outputs, queries = double(5, 3, 4), double(6, 3, 3)
    padded = outputs.clone()
    for b, n in enumerate(lengths.tolist()):
        padded[n:, b] = float("nan")
    padded.requires_grad_()
    contexts, weights = ask(queries, ask.prepare(padded, lengths))
    assert weights.shape == (6, 3, 5)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(6, 3, dtype=torch.float64))
    for b, n in enumerate(lengths.tolist()):
        assert (weights[:, b, n:] == 0).all()  # exactly
        alone, _ = ask(queries[:, b : b + 1], ask.prepare(outputs[:n, b : b + 1]))
        torch.testing.assert_close(contexts[:, b : b + 1], alone, **EXACT)
    contexts.sum().backward()
    assert padded.grad is not None
    assert padded.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in ask.parameters())
    for b, n in enumerate(lengths.tolist()):
        assert (padded.grad[n:, b] == 0).all()


def test_an_unknown_attention_is_refused() -> None:
    with pytest.raises(LaminaError, match="got attention 'soft'; need one of additive, mult"):
        attention("soft", 1, 1)


@given(options(causal=True), st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_an_encoded_batch_equals_its_members_alone(chosen: StackOptions, sizes: list[int]) -> None:
    torch.manual_seed(0)
    encoder = Encoder(3, chosen).double().eval()
    lengths = torch.tensor(sizes)
    x = double(max(sizes), len(sizes), 3)
    for b, n in enumerate(sizes):
        x[n:, b] = float("nan")
    outputs, state = encoder(x, lengths)
    assert outputs.shape[2] == encoder.outputs
    like = Stack(3, chosen).zero_state(len(sizes))
    assert [[p.shape for p in layer] for layer in state] == [[p.shape for p in s] for s in like]
    for b, n in enumerate(sizes):
        alone, own = encoder(x[:n, b : b + 1])
        torch.testing.assert_close(outputs[:n, b : b + 1], alone, **EXACT)
        assert (outputs[n:, b] == 0).all()
        for layer, one in zip(state, own, strict=True):
            for part, single in zip(layer, one, strict=True):
                torch.testing.assert_close(part[:, b : b + 1], single, **EXACT)


def test_the_first_layer_reads_both_ways_and_those_above_one_way() -> None:
    encoder = Encoder(3, StackOptions(cell="gru", depth=3, width=(4, 5, 6))).double().eval()
    x = double(5, 1, 3)
    outputs, _ = encoder(x)
    assert outputs.shape == (5, 1, 6)
    later = x.clone()
    later[4] += 1
    changed, _ = encoder(later)
    assert (changed[0] != outputs[0]).all()  # what comes later is known
    assert encoder.above is not None
    assert encoder.first.options.bidirectional
    assert not encoder.above.options.bidirectional
    assert encoder.above.options.widths == (5, 6)


def decoder(chosen: StackOptions, kind: str, sources: list[int]) -> tuple[Decoder, Memory]:
    torch.manual_seed(0)
    made = Decoder(3, 4, chosen, kind).double().eval()
    outputs = double(max(sources), len(sources), 4)
    return made, made.attention.prepare(outputs, torch.tensor(sources))


@given(options(causal=True), st.sampled_from(KINDS), st.data())
def test_a_decoded_batch_equals_its_members_alone_step_by_step(
    chosen: StackOptions, kind: str, data: st.DataObject
) -> None:
    """The scan under teacher forcing, of a padded batch, against each member, one step a call."""
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    sources = [data.draw(st.integers(1, 4)) for _ in sizes]
    made, memory = decoder(chosen, kind, sources)
    x = double(max(sizes), len(sizes), 3)
    for b, n in enumerate(sizes):
        x[n:, b] = float("nan")
    begin = tuple(
        tuple(torch.randn_like(part, dtype=torch.float64) for part in layer)
        for layer in Stack(3, chosen).zero_state(len(sizes))
    )
    outputs, final = made(x, begin, memory, torch.tensor(sizes))
    assert outputs.shape[2] == made.outputs
    for b, n in enumerate(sizes):
        own = Memory(*(None if part is None else part[b : b + 1] for part in memory))  # type: ignore
        state = tuple(tuple(part[:, b : b + 1] for part in layer) for layer in begin)
        for t in range(n):
            out, state = made(x[t : t + 1, b : b + 1], state, own)
            torch.testing.assert_close(outputs[t, b], out[0, 0], **EXACT)
        for layer, one in zip(final, state, strict=True):
            for part, single in zip(layer, one, strict=True):
                torch.testing.assert_close(part[:, b : b + 1], single, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [1, 2])
def test_several_sequences_of_a_member_see_its_memory(kind: str, depth: int) -> None:
    chosen = StackOptions(cell="gru", depth=depth, width=5)
    made, memory = decoder(chosen, kind, [4, 2])
    x = double(3, 2 * 3, 3)  # three of each of two members
    begin = tuple(tuple(double(*p.shape) for p in s) for s in Stack(3, chosen).zero_state(6))
    outputs, _ = made(x, begin, memory)
    for i in range(6):
        b = i // 3
        own = Memory(*(part[b : b + 1] for part in memory))  # type: ignore[union-attr]
        state = tuple(tuple(part[:, i : i + 1] for part in layer) for layer in begin)
        alone, _ = made(x[:, i : i + 1], state, own)
        torch.testing.assert_close(outputs[:, i : i + 1], alone, **EXACT)


def test_what_upper_layers_read_is_added_to_what_they_give() -> None:
    """With weights of zero the upper layers give zero, and the learned map is all there is."""
    chosen = StackOptions(cell="gru", depth=3, width=(4, 5, 6), residual=True)
    encoder = Encoder(3, chosen).double().eval()
    made, memory = decoder(chosen, "multiplicative", [4, 2])
    for module in (encoder, made):
        assert module.above is not None
        for weight in module.above.parameters():
            torch.nn.init.zeros_(weight)
    x, begin = double(5, 2, 3), Stack(3, chosen).double().zero_state(2)
    assert encoder.skip is not None
    outputs, _ = encoder(x, torch.tensor([5, 2]))
    first, _ = encoder.first(x, lengths=torch.tensor([5, 2]))
    torch.testing.assert_close(outputs, first @ encoder.skip.weight.T, **EXACT)
    assert made.skip is not None
    outputs, _ = made(x, begin, memory)
    below, _ = made.first(x, begin[:1])
    contexts = outputs[:, :, 6:]
    need = torch.cat((below, contexts), dim=2) @ made.skip.weight.T
    torch.testing.assert_close(outputs[:, :, :6], need, **EXACT)
