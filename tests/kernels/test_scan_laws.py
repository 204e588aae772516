"""The laws of ``scan``, at sizes that are no multiples of anything: members alone, chunks, another
order, tokens as rows; and what changes no bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from conformance import Case, fresh, leaves, request, run, takes
from lamina.cells import CELLS
from lamina.kernels import Request, look_up, native
from laws import TwoWays, assert_law, each_dtype

sizes = st.integers(1, 9) | st.sampled_from([15, 16, 17, 31, 33, 50])


@st.composite
def cases(
    draw: st.DrawFn, *, padded: bool = False, steps: int = 7, among: Sequence[str] = tuple(CELLS)
) -> Case:
    """Any case. ``padded``: with lengths; ``among``: of these cells."""
    cell = draw(st.sampled_from(among))
    length = st.integers(1, steps)
    lengths = draw(st.lists(length, min_size=1, max_size=17)) if padded else None
    options = ("reverse", "bias", "projected", "tokens", "layer_norm", "recurrent_mask")
    case = Case(
        cell,
        steps=max(lengths) if lengths else draw(length),
        batch=len(lengths) if lengths else draw(st.integers(1, 17)),
        inputs=draw(sizes),
        hidden=draw(sizes),
        activation=draw(st.sampled_from(CELLS[cell].activations)),
        lengths=tuple(lengths) if lengths else None,
        **{name: draw(st.booleans()) for name in options},
    )
    return case if takes(case) else replace(case, recurrent_mask=False)


def asked(case: Case, dtype: torch.dtype) -> Request:
    """A request whose weights keep the signal's size at every width: no law holds in chaos."""
    exact = request(case)
    if exact.weights.w_hh is not None:
        exact.weights.w_hh.data.mul_(min(1.0, (7 / case.hidden) ** 0.5))
    return fresh(exact, dtype)


def part(whole: Request, steps: slice, members: slice | Tensor) -> Request:
    """Some steps of some members; all of a table."""
    x, tokens = whole.x, whole.tokens
    return whole._replace(
        x=x[steps, members] if tokens is None else x,
        tokens=None if tokens is None else tokens[steps, members],
        state=tuple(p[members] for p in whole.state),
        recurrent_mask=None if whole.recurrent_mask is None else whole.recurrent_mask[members],
        lengths=None if whole.lengths is None else whole.lengths[members],
    )


def flat(given: Request, backend: str) -> list[Tensor]:
    outputs, state = run(given, backend)
    return [outputs, *state]


@each_dtype
@given(cases() | cases(padded=True))
def test_members_alone(dtype: torch.dtype, case: Case) -> None:
    lengths = case.lengths or (case.steps,) * case.batch

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        batch = asked(case, dtype)
        members = []
        for member, length in enumerate(lengths):
            own = part(batch, slice(length), slice(member, member + 1))
            members.append(flat(own._replace(lengths=None), backend))
        outputs, *state = zip(*members, strict=True)
        alone = [pad_sequence([o[:, 0] for o in outputs]), *map(torch.cat, state)]
        return flat(batch, backend), alone, list(leaves(batch))

    assert_law(law, dtype)


@each_dtype
@given(cases(), st.data())
def test_chunks(dtype: torch.dtype, case: Case, data: st.DataObject) -> None:
    """Each step alone among them. A reverse scan reads the last chunk first."""
    cuts = data.draw(st.sets(st.integers(0, case.steps)) | st.just(set(range(case.steps))))
    bounds = [0, *sorted(cuts), case.steps]
    chunks = [slice(*pair) for pair in pairwise(bounds)]

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        whole = asked(case, dtype)
        outputs, state = [], whole.state
        for chunk in reversed(chunks) if case.reverse else chunks:
            given_part = part(whole, chunk, slice(None))._replace(state=state)
            out, state = run(given_part, backend)
            outputs.append(out)
        joined = torch.cat(outputs[::-1] if case.reverse else outputs)
        return flat(whole, backend), [joined, *state], list(leaves(whole))

    assert_law(law, dtype)


@each_dtype
@given(cases(padded=True), st.integers())
def test_order_of_members(dtype: torch.dtype, case: Case, seed: int) -> None:
    order = torch.randperm(case.batch, generator=torch.Generator().manual_seed(seed % 2**32))

    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        batch = asked(case, dtype)
        outputs, *state = flat(batch, backend)
        straight = [outputs[:, order], *(p[order] for p in state)]
        shuffled = flat(part(batch, slice(None), order), backend)
        return straight, shuffled, list(leaves(batch))

    assert_law(law, dtype)


@each_dtype
@given((cases() | cases(padded=True)).map(lambda case: replace(case, tokens=True)))
def test_tokens_are_rows_of_the_table(dtype: torch.dtype, case: Case) -> None:
    def law(dtype: torch.dtype, backend: str) -> TwoWays:
        picked = asked(case, dtype)
        assert picked.tokens is not None
        rows = look_up(picked.x, picked.tokens, picked.lengths)
        looked_up = flat(picked._replace(x=rows, tokens=None), backend)
        return flat(picked, backend), looked_up, list(leaves(picked))

    assert_law(law, dtype)


@pytest.mark.skipif(native._core is None, reason="the core is not built")
@given(cases(padded=True, among=("rnn", "gru", "lstm")), st.integers(1, 5), st.integers(1, 3))
def test_more_padding_changes_no_bit(case: Case, more: int, threads: int) -> None:
    """Nor does saying that nothing is padded. (A batch of another size may: the core's tiles, and
    with them the order of its sums, depend on how many members there are.)"""

    def values(given: Request) -> list[Tensor]:
        outputs, *state = flat(given, "native")
        made = [outputs[: case.steps], *state]
        energy = torch.cat([p.flatten() for p in made]).square().sum()
        x, *grads = torch.autograd.grad(energy, leaves(given))
        return [*made, x if case.tokens else x[: case.steps], *grads]

    def assert_same_bits(one: Request, other: Request) -> None:
        for a, b in zip(values(one), values(other), strict=True):
            assert torch.equal(a, b)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_THREADS", str(threads))
        batch = asked(case, torch.float32)
        pad = (0, 0) * (1 if case.tokens else 2) + (0, more)
        if batch.tokens is None:
            x = torch.nn.functional.pad(batch.x.detach(), pad, value=float("nan"))
            longer = batch._replace(x=x.requires_grad_())
        else:
            longer = batch._replace(tokens=torch.nn.functional.pad(batch.tokens, pad, value=-7))
        assert_same_bits(batch, longer)

        shortest = slice(min(case.lengths or ()))
        dense = part(batch, shortest, slice(None))._replace(lengths=None)
        if not case.tokens:
            dense = dense._replace(x=dense.x.detach().requires_grad_())
        assert_same_bits(dense, dense._replace(lengths=torch.full((case.batch,), shortest.stop)))
