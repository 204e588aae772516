"""The CRF against sums and maxima over all paths, written down one by one."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lamina.nn import CRF, Independent
from laws import EXACT


def crf(labels: int, seed: int = 0) -> CRF:
    generator = torch.Generator().manual_seed(seed)
    made = CRF(labels).double()
    for part in made.parameters():
        part.data.normal_(generator=generator)
    return made


@torch.no_grad()
def paths(crf: CRF, scores: Tensor) -> dict[tuple[int, ...], Tensor]:
    """The score of every path over ``scores`` ``(T, K)`` of one member."""
    found = {}
    for path in product(range(scores.shape[1]), repeat=len(scores)):
        score = crf.start[path[0]] + crf.end[path[-1]]
        score = score + sum(scores[t, label] for t, label in enumerate(path))
        for before, label in pairwise(path):
            score = score + crf.transitions[before, label]
        found[path] = score
    return found


@st.composite
def batches(draw: st.DrawFn) -> tuple[CRF, Tensor, Tensor]:
    """A CRF, scores ``(T, B, K)`` with nonsense behind the ends, and lengths."""
    labels, seed = draw(st.integers(1, 3)), draw(st.integers(0, 1000))
    lengths = torch.tensor(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    steps = int(lengths.max()) + draw(st.integers(0, 1))
    scores = torch.randn(
        steps, len(lengths), labels, generator=torch.Generator().manual_seed(seed)
    ).double()
    scores[torch.arange(steps)[:, None] >= lengths] = torch.nan
    return crf(labels, seed), scores, lengths


@given(batches())
def test_partition_and_best_path_are_those_over_all_paths(made: tuple[CRF, Tensor, Tensor]) -> None:
    model, scores, lengths = made
    partition = model.log_partition(scores, lengths)
    best = model.decode(scores, lengths)
    for b, length in enumerate(lengths.tolist()):
        every = paths(model, scores[:length, b])
        whole = torch.stack(list(every.values())).logsumexp(dim=0)
        torch.testing.assert_close(partition[b], whole, **EXACT)
        found = tuple(best[:length, b].tolist())
        torch.testing.assert_close(every[found], max(every.values()), **EXACT)
        assert not best[length:, b].any()


@given(batches(), st.data())
def test_loss_is_that_of_all_paths_through_the_known_labels(
    made: tuple[CRF, Tensor, Tensor], data: st.DataObject
) -> None:
    model, scores, lengths = made
    labels = torch.tensor(
        [
            [data.draw(st.integers(-1, scores.shape[2] - 1)) for _ in range(scores.shape[1])]
            for _ in range(len(scores))
        ]
    )
    expected = torch.zeros((), dtype=torch.float64)
    for b, length in enumerate(lengths.tolist()):
        every = paths(model, scores[:length, b])
        known = labels[:length, b].tolist()
        through = [
            score
            for path, score in every.items()
            if all(want in (-1, got) for want, got in zip(known, path, strict=True))
        ]
        expected += torch.stack(list(every.values())).logsumexp(dim=0)
        expected -= torch.stack(through).logsumexp(dim=0)
    loss = model.loss(scores, labels, lengths)
    torch.testing.assert_close(loss, expected.detach(), **EXACT)
    loss.backward()  # nonsense behind the ends reaches no gradient
    gradients = [part.grad for part in model.parameters() if part.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_gradients() -> None:
    model = crf(3)
    scores = torch.randn(4, 3, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[0, 1, 2], [2, -1, 1], [1, 0, 0], [0, 2, 2]])
    lengths = torch.tensor([4, 2, 3])
    torch.manual_seed(0)

    def loss(scores: Tensor, start: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
        given = {"start": start, "transitions": transitions, "end": end}
        for name, value in given.items():
            delattr(model, name)
            setattr(model, name, value)
        return model.loss(scores, labels, lengths)

    values = [value.detach().clone().requires_grad_() for value in model.parameters()]
    assert torch.autograd.gradcheck(loss, (scores, *values))


@pytest.mark.parametrize("kind", [CRF, Independent])
def test_a_batch_is_its_members_alone(kind: type[CRF] | type[Independent]) -> None:
    model = crf(4) if kind is CRF else Independent(4)
    torch.manual_seed(1)
    lengths = torch.tensor([5, 2, 4])
    scores, labels = torch.randn(5, 3, 4).double(), torch.randint(0, 4, (5, 3))
    together, best = model.loss(scores, labels, lengths), model.decode(scores, lengths)
    alone = []
    for b, length in enumerate(lengths.tolist()):
        one = scores[:length, b : b + 1], labels[:length, b : b + 1]
        alone.append(model.loss(*one))
        assert torch.equal(best[:length, b : b + 1], model.decode(one[0]))
    torch.testing.assert_close(together, torch.stack(alone).sum(), **EXACT)


def test_without_transitions_labels_are_independent() -> None:
    torch.manual_seed(2)
    scores, labels = torch.randn(6, 3, 5).double(), torch.randint(-1, 5, (6, 3))
    lengths = torch.tensor([6, 1, 4])
    chain, free = CRF(5).double(), Independent(5)
    a, b = (model.loss(scores, labels, lengths) for model in (chain, free))
    torch.testing.assert_close(a, b, **EXACT)
    assert torch.equal(chain.decode(scores, lengths), free.decode(scores, lengths))


def chain(model: CRF, scores: Tensor) -> tuple[Tensor, list[int]]:
    """``log Z`` as a product of matrices, and the best path, of one long member ``(T, K)``."""
    weights = model.transitions.detach().exp()
    sums = (model.start.detach() + scores[0]).exp()
    best = model.start.detach() + scores[0]
    came = []
    for step in scores[1:]:
        sums = (sums @ weights) * step.exp()
        ways = best[:, None] + model.transitions.detach()
        came.append(ways.argmax(dim=0).tolist())
        best = torch.tensor([ways[:, k].max() for k in range(len(best))]) + step
    path = [int((best + model.end.detach()).argmax())]
    for before in reversed(came):
        path.append(before[path[-1]])
    return (sums @ model.end.detach().exp()).log(), path[::-1]


def test_sums_over_many_steps_are_the_products_of_matrices() -> None:
    model = crf(3)
    torch.manual_seed(3)
    lengths = torch.tensor([40, 33, 32, 17, 16, 1])
    scores = torch.randn(40, 6, 3).double()
    partition, found = model.log_partition(scores, lengths), model.decode(scores, lengths)
    for b, length in enumerate(lengths.tolist()):
        whole, path = chain(model, scores[:length, b])
        torch.testing.assert_close(partition[b], whole, **EXACT)
        assert found[:length, b].tolist() == path
    labels = torch.randint(-1, 3, (40, 6))
    through = scores.masked_fill(
        (torch.arange(3) != labels[..., None]) & (labels >= 0)[..., None], -1e4
    )
    part = model.log_partition(through, lengths)
    expected = (partition - part).sum()
    torch.testing.assert_close(model.loss(scores, labels, lengths), expected, **EXACT)


def test_a_long_sequence_in_single_precision_keeps_its_gradient() -> None:
    """Sums over paths grow with time; what labels differ by does not drown in them."""
    torch.manual_seed(4)
    labels = torch.randint(0, 4, (3000, 2))
    scores = 10 * (torch.randn(3000, 2, 4) + torch.nn.functional.one_hot(labels, 4))
    single, double = crf(4).float(), crf(4)
    made = []
    for model in (single, double):
        x = scores.to(model.start.dtype).requires_grad_()
        loss = model.loss(x, labels)
        made.append((loss, *torch.autograd.grad(loss, (x, *model.parameters()))))
    assert torch.equal(single.decode(scores), double.decode(scores.double()))
    assert float(made[0][0]) == pytest.approx(float(made[1][0]), rel=1e-4)
    (by_scores, *rest), (by_scores_64, *rest_64) = (one[1:] for one in made)
    torch.testing.assert_close(by_scores.double(), by_scores_64, atol=1e-3, rtol=0)
    for a, b in zip(rest, rest_64, strict=True):  # sums of 6,000 numbers
        torch.testing.assert_close(a.double(), b, atol=0.5, rtol=1e-3)
