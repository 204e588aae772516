"""Language modelling by hand: what is drawn, where streams start, the tied output, dropout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lamina.tasks import LanguageModel


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., LanguageModel]:
    """A task on digits that count up, so that a position can be told from what stands there."""

    def made(**changes: Any) -> LanguageModel:
        (tmp_path / "book.txt").write_text("".join(f"{i:03d}" for i in range(400)))
        (tmp_path / "short.txt").write_text("0123456789" * 25)
        chosen = {"validation": str(tmp_path / "short.txt"), "steps": 5, "batch_size": 8, **changes}
        return LanguageModel(tmp_path / "book.txt", **chosen)

    return made


@pytest.mark.parametrize("draw", [{"temperature": 0}, {"temperature": 5.0}, {"top_k": 2}])
def test_unknown_is_never_written(make, draw: dict[str, Any]) -> None:
    """Even by a network that finds ``<unk>`` the most probable token by far."""
    task = make()
    torch.manual_seed(0)
    model = task.model(depth=1, width=4)
    with torch.no_grad():
        model.head.bias[task.vocabulary.unknown] = 50.0
    made = model.generate("12", 60, **draw)
    assert len(made) == 62
    assert set(made) <= set("0123456789")


def start(task: LanguageModel, epoch: int, seed: int = 0) -> int:
    """How many tokens the first batch passes over, told from its first six tokens."""
    first = task.batches("train", epoch=epoch, seed=seed)[0].inputs[:, 0].tolist()
    stream = task.tokens["train"].tolist()
    return next(i for i in range(len(stream)) if stream[i : i + len(first)] == first)


def test_the_offset_is_drawn_anew_each_epoch_and_repeats_itself(make) -> None:
    task = make(steps=9)
    offsets = [start(task, epoch) for epoch in range(60)]
    assert set(offsets) == set(range(10))  # up to steps, both ends too
    assert offsets == [start(task, epoch) for epoch in range(60)]
    assert offsets != [start(task, epoch, seed=1) for epoch in range(60)]


def test_without_a_random_offset_every_epoch_starts_at_the_first_token(make) -> None:
    task = make(steps=9, random_offset=False)
    assert {start(task, epoch) for epoch in range(20)} == {0}


def test_an_offset_leaves_a_token_for_every_column(make) -> None:
    task = make(max_tokens=10, batch_size=8, steps=5)
    for epoch in range(20):
        assert task.batches("train", epoch=epoch)[0].inputs.shape == (1, 8)


@pytest.mark.parametrize(
    ("steps", "batch_size", "columns"),
    [(1, 64, 12), (1, 5, 5), (4, 64, 3), (12, 64, 1), (50, 64, 1)],
)
def test_a_short_part_is_read_in_few_columns(
    make, steps: int, batch_size: int, columns: int
) -> None:
    """250 tokens: a column has 20 times ``steps`` at least, where the part has as many."""
    batches = make(steps=steps, batch_size=batch_size).batches("validation")
    assert batches[0].inputs.shape == (steps, columns)


def test_a_part_without_a_prediction_has_no_batches(make, tmp_path: Path) -> None:
    (tmp_path / "tiny.txt").write_text("0")
    assert len(make(validation=str(tmp_path / "tiny.txt")).batches("validation")) == 0


@pytest.mark.parametrize("embedding", [6, 4], ids=["equal", "bridged"])
def test_the_tied_output_is_the_embedding_and_a_bias(make, embedding: int) -> None:
    torch.manual_seed(0)
    model = make().model(depth=1, width=6, embedding=embedding, tied=True).double().eval()
    with torch.no_grad():
        model.head_bias.normal_()
    tokens = torch.tensor([[1], [3]])
    table = model.embedding.weight
    outputs, _ = model.stack(table[tokens])
    if embedding == 4:
        outputs = outputs @ model.bridge.weight.T
    scores, _ = model(tokens)
    torch.testing.assert_close(scores, outputs @ table.T + model.head_bias)
    scores.sum().backward()
    assert model.head_bias.grad.abs().min() > 0


@pytest.mark.parametrize("place", ["stack", "head"])
def test_dropout_falls_on_the_embedding_and_on_what_the_top_gives(make, place: str) -> None:
    """What enters the stack and the head has no zeros but those that dropout makes."""
    task = make()
    torch.manual_seed(0)
    model = task.model(depth=1, width=20, embedding=20, dropout=0.3)
    entered: list[Tensor] = []

    def record(_: Any, given: tuple[Tensor, ...], named: dict[str, Any]) -> None:
        tokens = named.get("tokens")
        entered.append(given[0] if tokens is None else given[0][tokens])

    getattr(model, place).register_forward_pre_hook(record, with_kwargs=True)
    batch = task.batches("train")[0]
    for training in (True, False):
        model.train(training)(batch.inputs)
    dropped, whole = entered
    kept = dropped != 0
    assert 0.6 < kept.double().mean() < 0.8
    assert (whole != 0).all()
    if place == "stack":
        torch.testing.assert_close(dropped[kept], whole[kept] / 0.7)


def test_a_one_hot_input_is_never_dropped(make) -> None:
    task = make()
    model = task.model(depth=1, width=4, embedding="onehot", dropout=0.5).train()
    entered: list[Tensor] = []
    model.head.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    tokens = torch.tensor([[1, 2], [3, 4]])
    model(tokens)
    outputs, _ = model.stack(torch.eye(len(task.vocabulary))[tokens])
    kept = entered[0] != 0  # what the top layer gives is dropped, and twice as large
    torch.testing.assert_close(entered[0][kept], 2 * outputs[kept])
