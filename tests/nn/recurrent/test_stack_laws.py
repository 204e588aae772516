"""The laws: padded = alone, chunked = whole, step by step = scan, order does not matter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lamina.nn import POOLS, StackOptions, pool
from lamina.spec import LaminaError, State
from laws import EXACT, TwoWays, assert_law, each_dtype, options, smooth_options, stack

lengths_of = st.lists(st.integers(1, 7), min_size=1, max_size=4)


def steps_of(lengths: list[int], dtype: torch.dtype) -> Tensor:
    """The same numbers in each dtype, and no number in the padding."""
    torch.manual_seed(1)
    x = torch.randn(max(lengths), len(lengths), 3).to(dtype)
    for member, length in enumerate(lengths):
        x[length:, member] = float("nan")
    return x.requires_grad_()


def flat(outputs: Tensor, state: State) -> list[Tensor]:
    """Outputs ``(T, B, D*H)`` and the parts ``(D, B, H)`` of every layer's state."""
    return [outputs, *(part for layer in state for part in layer)]


@each_dtype
@given(smooth_options(), lengths_of, st.booleans())
def test_padded_equals_alone(
    dtype: torch.dtype, chosen: StackOptions, lengths: list[int], dense: bool
) -> None:
    """And a batch without padding, its members; gradients of weights are the sum of theirs."""
    lengths = [lengths[0]] * len(lengths) if dense else lengths

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        net, x = stack(chosen, dtype=dtype), steps_of(lengths, dtype)
        given_lengths = None if dense else torch.tensor(lengths)
        together = flat(*net(x, lengths=given_lengths, backend=backend))
        members = [
            flat(*net(x[:length, member : member + 1], backend=backend))
            for member, length in enumerate(lengths)
        ]
        alone = [torch.cat(parts, dim=1) for parts in list(zip(*members, strict=True))[1:]]
        outputs = pad_sequence([outputs[:, 0] for outputs, *_ in members])  # zero where padded
        return together, [outputs, *alone], [x, *net.parameters()]

    assert_law(law, dtype)


@each_dtype
@given(smooth_options(causal=True), st.integers(1, 8), st.integers(1, 3), st.data())
def test_chunked_equals_whole(
    dtype: torch.dtype, chosen: StackOptions, steps: int, batch: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, steps))

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        net, x = stack(chosen, dtype=dtype), steps_of([steps] * batch, dtype)
        first, state = net(x[:cut], backend=backend)
        second, state = net(x[cut:], state, backend=backend)
        chunked = flat(torch.cat((first, second)), state)
        return flat(*net(x, backend=backend)), chunked, [x, *net.parameters()]

    assert_law(law, dtype)


@each_dtype
@given(smooth_options(causal=True), st.integers(1, 5), st.integers(1, 3))
def test_step_by_step_equals_scan(
    dtype: torch.dtype, chosen: StackOptions, steps: int, batch: int
) -> None:
    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        net, x = stack(chosen, dtype=dtype), steps_of([steps] * batch, dtype)
        state, outputs = net.zero_state(batch), []
        for step in x.split(1):
            out, state = net(step, state, backend=backend)
            outputs.append(out)
        stepped = flat(torch.cat(outputs), state)
        return flat(*net(x, backend=backend)), stepped, [x, *net.parameters()]

    assert_law(law, dtype)


@each_dtype
@given(smooth_options(), lengths_of, st.randoms(use_true_random=False))
def test_order_in_the_batch_does_not_matter(
    dtype: torch.dtype, chosen: StackOptions, lengths: list[int], rng
) -> None:
    order = list(range(len(lengths)))
    rng.shuffle(order)

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        net, x = stack(chosen, dtype=dtype), steps_of(lengths, dtype)
        given_lengths = torch.tensor(lengths)
        straight = flat(*net(x, lengths=given_lengths, backend=backend))
        shuffled = flat(*net(x[:, order], lengths=given_lengths[order], backend=backend))
        return [part[:, order] for part in straight], shuffled, [x, *net.parameters()]

    assert_law(law, dtype)


@each_dtype
@pytest.mark.parametrize("onehot", [False, True])
@given(smooth_options(), lengths_of)
def test_tokens_equal_rows_and_one_hots(
    onehot: bool, dtype: torch.dtype, chosen: StackOptions, lengths: list[int]
) -> None:
    """In evaluation; :mod:`test_stack_tokens` has training."""
    torch.manual_seed(1)
    tokens = torch.randint(3, (max(lengths), len(lengths)))
    given_lengths = torch.tensor(lengths)

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        net = stack(chosen, dtype=dtype)
        table = torch.eye(3, dtype=dtype) if onehot else steps_of([3], dtype)[:, 0]
        read = {"lengths": given_lengths, "backend": backend}
        short = flat(*net(None if onehot else table, tokens=tokens, **read))
        return short, flat(*net(table[tokens], **read)), list(net.parameters())

    assert_law(law, dtype)


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
    outputs[torch.arange(max(lengths))[:, None] >= torch.tensor(lengths)] = torch.nan
    got = pooled(outputs, torch.tensor(lengths))
    for member, length in enumerate(lengths):
        alone = pooled(outputs[:length, member : member + 1], None)
        torch.testing.assert_close(got[member], alone[0], **EXACT)
        assert alone.shape == (1, 4)


def test_a_pooling_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LaminaError, match="need one of last, mean, max, attention"):
        pool("median", 4, 1)
