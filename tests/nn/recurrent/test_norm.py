"""``SequenceBatchNorm`` is ``torch.nn.BatchNorm1d`` over the valid steps alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lamina.kernels import valid_steps
from lamina.nn import SequenceBatchNorm

FEATURES = 3
EXACT = {"atol": 1e-10, "rtol": 1e-10}
lengths_of = st.lists(st.integers(1, 6), min_size=1, max_size=4).filter(lambda ls: sum(ls) > 1)


def pair() -> tuple[SequenceBatchNorm, torch.nn.BatchNorm1d]:
    """Ours and torch's, with the same gain, and with no shift, which is the cell's own bias."""
    torch.manual_seed(0)
    ours = SequenceBatchNorm(FEATURES).double()
    theirs = torch.nn.BatchNorm1d(FEATURES).double()
    torch.nn.init.uniform_(ours.gain, 0.5, 1.5)
    theirs.weight.data.copy_(ours.gain.data)
    return ours, theirs


def padded(lengths: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """``(T, B, features)`` with not-a-number in the padding, lengths, and valid steps."""
    torch.manual_seed(1)
    given_lengths = torch.tensor(lengths)
    x = 3 + 2 * torch.randn(max(lengths), len(lengths), FEATURES, dtype=torch.float64)
    valid = valid_steps(given_lengths, max(lengths), x.device)
    return x.masked_fill(~valid[:, :, None], math.nan), given_lengths, valid


@given(lengths_of)
def test_equals_torch_over_the_valid_steps(lengths: list[int]) -> None:
    ours, theirs = pair()
    x, given_lengths, valid = padded(lengths)
    x.requires_grad_()
    flat = x.detach()[valid].requires_grad_()
    weight = torch.randn_like(flat)
    for _ in range(2):  # running statistics are an average over calls
        got, right = ours(x, given_lengths)[valid], theirs(flat)
    torch.testing.assert_close(got, right, **EXACT)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, **EXACT)
    torch.testing.assert_close(ours.running_var, theirs.running_var, **EXACT)

    (got * weight).sum().backward()
    (right * weight).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad[valid], flat.grad, **EXACT)
    torch.testing.assert_close(ours.gain.grad, theirs.weight.grad, **EXACT)


def test_without_lengths_every_step_counts() -> None:
    ours, theirs = pair()
    x, *_ = padded([4, 4])
    torch.testing.assert_close(ours(x).flatten(0, 1), theirs(x.flatten(0, 1)), **EXACT)
    torch.testing.assert_close(ours.running_var, theirs.running_var, **EXACT)


def test_in_evaluation_running_statistics_are_used_and_kept() -> None:
    ours, theirs = pair()
    x, given_lengths, valid = padded([5, 2, 1])
    ours(x, given_lengths)
    theirs(x[valid])
    ours.eval()
    theirs.eval()
    before = ours.running_mean.clone(), ours.running_var.clone()
    torch.testing.assert_close(ours(x, given_lengths)[valid], theirs(x[valid]), **EXACT)
    alone = ours(x[:2, 1:2])
    torch.testing.assert_close(alone[:, 0], ours(x, given_lengths)[:2, 1], **EXACT)
    assert torch.equal(ours.running_mean, before[0])
    assert torch.equal(ours.running_var, before[1])


def test_one_valid_step_gives_zero_and_stays_finite() -> None:
    """torch refuses this; in a stream of single steps it must not stop a training."""
    ours, _ = pair()
    x, given_lengths, _ = padded([1])
    x.requires_grad_()
    out = ours(x, given_lengths)
    assert (out == 0).all()
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert ours.running_var.isfinite().all()
    torch.testing.assert_close(ours.running_mean, 0.1 * x[0, 0], **EXACT)


@pytest.mark.parametrize("shape", [(0, 2, FEATURES), (2, 0, FEATURES)])
def test_nothing_leaves_the_statistics_alone(shape: tuple[int, ...]) -> None:
    ours, _ = pair()
    assert ours(torch.zeros(shape, dtype=torch.float64)).shape == shape
    assert (ours.running_mean == 0).all()
    assert (ours.running_var == 1).all()


def test_passes_gradcheck() -> None:
    ours, _ = pair()
    x, given_lengths, valid = padded([3, 2])
    x = x.nan_to_num(7.0).requires_grad_()  # finite differences read every input
    assert torch.autograd.gradcheck(lambda x: ours(x, given_lengths)[valid], (x,))
