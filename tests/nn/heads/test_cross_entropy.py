"""The output map and its loss in one: torch's numbers, and gradients, for any number of rows."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from lamina.nn.heads import cross_entropy as output
from lamina.nn.heads.cross_entropy import output_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [1, 3, 7, 256])
def test_it_is_cross_entropy(monkeypatch, smoothing: float, rows: int) -> None:
    monkeypatch.setattr(output, "ROWS", rows)
    torch.manual_seed(0)
    h = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(9, (7,))
    loss, plain = output_loss(h, weight, targets, smoothing)
    scores = h @ weight.T
    expected = cross_entropy(scores, targets, label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(plain, cross_entropy(scores, targets).detach())
    assert not plain.requires_grad
    got = torch.autograd.grad(3 * loss, (h, weight))
    torch.testing.assert_close(got, torch.autograd.grad(3 * expected, (h, weight)))
    assert torch.autograd.gradcheck(
        lambda h, weight: output_loss(h, weight, targets, smoothing)[0], (h, weight)
    )


def test_large_scores_do_not_overflow() -> None:
    h, weight = torch.tensor([[1e4]], requires_grad=True), torch.tensor([[1.0], [-1.0]])
    loss, plain = output_loss(h, weight, torch.tensor([1]))
    loss.backward()
    assert plain == loss == 2e4
    assert h.grad is not None
    assert h.grad.item() == 2


def test_autocast_leaves_it_in_full_precision() -> None:
    h = torch.randn(5, 8, dtype=torch.bfloat16, requires_grad=True)
    weight, targets = torch.randn(9, 8), torch.randint(9, (5,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = output_loss(h, weight, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, cross_entropy(h.float() @ weight.T, targets))
    loss.backward()
    assert h.grad is not None
    assert h.grad.dtype == torch.bfloat16


def test_without_a_gradient_none_is_made() -> None:
    loss, _ = output_loss(torch.ones(3, 2), torch.ones(4, 2), torch.zeros(3, dtype=torch.int64))
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(torch.log(torch.tensor(4.0)).item())
