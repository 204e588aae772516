"""The laws: padded = alone, chunked = whole, step by step = scan, order does not matter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.nn import POOLS, StackOptions, pool
from lamina.spec import LaminaError
from laws import EXACT, options, stack

lengths_of = st.lists(st.integers(1, 7), min_size=1, max_size=4)


@given(options(), lengths_of)
def test_padded_equals_alone(chosen: StackOptions, lengths: list[int]) -> None:
    net = stack(chosen)
    torch.manual_seed(1)
    x = torch.randn(max(lengths), len(lengths), 3, dtype=torch.float64)
    for member, length in enumerate(lengths):
        x[length:, member] = float("nan")
    outputs, state = net(x, lengths=torch.tensor(lengths))
    assert not outputs.isnan().any()
    for member, length in enumerate(lengths):
        alone, own = net(x[:length, member : member + 1])
        torch.testing.assert_close(outputs[:length, member], alone[:, 0], **EXACT)
        assert (outputs[length:, member] == 0).all()
        for layer, own_layer in zip(state, own, strict=True):
            for part, own_part in zip(layer, own_layer, strict=True):
                torch.testing.assert_close(part[:, member], own_part[:, 0], **EXACT)


@given(options(), lengths_of)
def test_gradients_of_a_padded_batch_are_the_sum_of_its_members(
    chosen: StackOptions, lengths: list[int]
) -> None:
    net = stack(chosen)
    torch.manual_seed(1)
    x = torch.randn(max(lengths), len(lengths), 3, dtype=torch.float64)
    for member, length in enumerate(lengths):
        x[length:, member] = float("nan")
    weight = torch.randn(net.outputs, dtype=torch.float64)

    (net(x, lengths=torch.tensor(lengths))[0] @ weight).sum().backward()
    together = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    for member, length in enumerate(lengths):
        (net(x[:length, member : member + 1])[0] @ weight).sum().backward()
    apart = [p.grad for p in net.parameters() if p.grad is not None]
    assert together
    for a, b in zip(together, apart, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


@given(options(causal=True), st.integers(1, 8), st.data())
def test_chunked_equals_whole(chosen: StackOptions, steps: int, data: st.DataObject) -> None:
    net = stack(chosen)
    cut = data.draw(st.integers(0, steps))
    torch.manual_seed(1)
    x = torch.randn(steps, 2, 3, dtype=torch.float64)
    whole, final = net(x)
    first, state = net(x[:cut])
    second, state = net(x[cut:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole, **EXACT)
    torch.testing.assert_close(state, final, **EXACT)


@given(options(causal=True), st.integers(1, 5))
def test_step_by_step_equals_scan(chosen: StackOptions, steps: int) -> None:
    net = stack(chosen)
    torch.manual_seed(1)
    x = torch.randn(steps, 2, 3, dtype=torch.float64)
    whole, final = net(x)
    state = net.zero_state(2)
    for t in range(steps):
        out, state = net(x[t : t + 1], state)
        torch.testing.assert_close(out[0], whole[t], **EXACT)
    torch.testing.assert_close(state, final, **EXACT)


@given(options(), lengths_of, st.randoms(use_true_random=False))
def test_order_in_the_batch_does_not_matter(chosen: StackOptions, lengths: list[int], rng) -> None:
    net = stack(chosen)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    torch.manual_seed(1)
    x = torch.randn(max(lengths), len(lengths), 3, dtype=torch.float64)
    a, _ = net(x, lengths=torch.tensor(lengths))
    b, _ = net(x[:, order], lengths=torch.tensor(lengths)[order])
    torch.testing.assert_close(a[:, order], b, **EXACT)


@given(options(), lengths_of)
def test_fused_and_reference_agree_in_training_with_the_same_masks(
    chosen: StackOptions, lengths: list[int]
) -> None:
    net = stack(chosen).train()
    torch.manual_seed(1)
    x = torch.randn(max(lengths), len(lengths), 3, dtype=torch.float64)
    given_lengths = torch.tensor(lengths)
    runs = []
    for backend in ("auto", "reference"):
        torch.manual_seed(5)
        generator = torch.Generator().manual_seed(2)
        runs.append(net(x, lengths=given_lengths, generator=generator, backend=backend)[0])
    torch.testing.assert_close(runs[0], runs[1], **EXACT)


@pytest.mark.parametrize("name", POOLS)
@given(lengths=lengths_of, directions=st.integers(1, 2))
def test_pooling_reads_valid_steps_only(name: str, lengths: list[int], directions: int) -> None:
    torch.manual_seed(0)
    pooled = pool(name, 4, directions).double()
    outputs = torch.randn(max(lengths), len(lengths), 4, dtype=torch.float64)
    got = pooled(outputs, torch.tensor(lengths))
    for member, length in enumerate(lengths):
        alone = pooled(outputs[:length, member : member + 1], None)
        torch.testing.assert_close(got[member], alone[0], **EXACT)
        assert alone.shape == (1, 4)


def test_a_pooling_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LaminaError, match="need one of last, mean, max, attention"):
        pool("median", 4, 1)
