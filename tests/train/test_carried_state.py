"""The state of a stream from batch to batch, in training and in evaluation."""

from __future__ import annotations

import pytest
import torch

from lamina.nn import Stack
from lamina.spec import Batch, Model, State, Step, state_from, state_tensors
from lamina.train import Silent, evaluate, fit
from toy import Stream


class Watched(Stream):
    """Remembers the state that each step was given and the one that it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[bool, list[tuple[bool, State | None, State | None]]]
        self.steps = {True: [], False: []}

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        step = super().step(model, batch, state)
        self.steps[model.training].append((batch.fresh, state, step.state))
        return step


def watched(part: str) -> list[tuple[bool, State | None, State | None]]:
    task = Watched()
    torch.manual_seed(0)
    model = task.model()
    if part == "train":
        fit(model, task, epochs=2, progress=Silent(), threads=1)
        return task.steps[True]
    evaluate(model, task)
    return task.steps[False]


@pytest.mark.parametrize(("part", "starts"), [("train", 2), ("validation", 1)])
def test_each_batch_goes_on_where_the_one_before_ended(part: str, starts: int) -> None:
    steps = watched(part)
    assert sum(fresh for fresh, _, _ in steps) == starts
    before: State | None = None
    for fresh, given, gave in steps:
        if fresh:
            assert given is None
        else:
            assert given is not None
            assert before is not None
            torch.testing.assert_close(given, before, atol=0, rtol=0)
            assert not any(part.requires_grad for layer in given for part in layer)
        before = gave


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_state_comes_back_from_its_tensors_in_any_order(cell: str) -> None:
    """Of an LSTM ``c`` comes before ``h``, and layer 10 before layer 2, where names are sorted."""
    stack = Stack(2, cell=cell, depth=11, width=3)
    zeros = stack.zero_state(4)
    state = tuple(tuple(torch.randn_like(part) for part in layer) for layer in zeros)
    back = state_from(dict(sorted(state_tensors(state))))
    torch.testing.assert_close(back, state, atol=0, rtol=0)
    assert state_from({}) is None
