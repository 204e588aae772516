"""The adaptive softmax: probabilities of all tokens, and the loss that follows from them."""

from __future__ import annotations

import pytest
import torch

from lamina.nn.heads.adaptive import AdaptiveSoftmax
from lamina.spec import LaminaError


def test_the_loss_is_that_of_the_probabilities() -> None:
    torch.manual_seed(0)
    softmax = AdaptiveSoftmax(16, 40, (5, 20, 1000)).double()
    x, targets = torch.randn(7, 3, 16).double(), torch.randint(40, (7, 3))
    scores = softmax(x)
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(7, 3).double())
    picked = scores.gather(-1, targets[..., None])
    torch.testing.assert_close(softmax.loss(x, targets), -picked.mean())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(LaminaError, match="vocabulary has 40 tokens; need one below 39"):
        AdaptiveSoftmax(16, 40, (39, 50))
    with pytest.raises(LaminaError, match="need a width of 16 at least, or fewer cutoffs"):
        AdaptiveSoftmax(15, 40, (5, 10))


def test_the_tables_embed_as_they_score() -> None:
    torch.manual_seed(0)
    softmax = AdaptiveSoftmax(16, 40, (5, 20)).double()
    head, middle, last = softmax.clusters.head, *softmax.clusters.tail
    table = torch.cat(
        [
            head.weight[:5],  # the two rows behind stand for the clusters, not for tokens
            middle[1].weight @ middle[0].weight,
            last[1].weight @ last[0].weight,
        ]
    )
    tokens = torch.randint(40, (7, 3))
    torch.testing.assert_close(softmax.embed(tokens), table[tokens])
    torch.testing.assert_close(softmax.embed(tokens[:0]), table[tokens[:0]])
    parameters = tuple(softmax.parameters())
    weights = torch.randn(7, 3, 16).double()
    got = torch.autograd.grad((softmax.embed(tokens) * weights).sum(), parameters)
    need = torch.autograd.grad((table[tokens] * weights).sum(), parameters)
    torch.testing.assert_close(got, need)
