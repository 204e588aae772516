"""What holds for the batches and the answers of every task, whatever its network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from lamina.spec import Batch, Model, State, Step, StreamBatch, Task
from lamina.tasks import TASKS, Transcriber
from lamina.train import evaluate
from laws import EXACT
from task_cases import (
    CASES,
    Case,
    each_of_speech,
    each_shape,
    each_stream,
    each_without_a_stream,
    network,
    some_batch,
    taken,
    with_wild_padding,
)
from task_world import write_world

each_mode = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """The folder with the data of every case."""
    folder = tmp_path_factory.mktemp("world") / "data"
    write_world(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        yield folder


def test_every_task_takes_part() -> None:
    assert {case.task for case in CASES.values()} == set(TASKS)


def judged(task: Task, model: Model, batch: Batch) -> tuple[Step, list[Tensor]]:
    """What a batch gave, and the gradients of its summed loss."""
    step = task.step(model, batch, None)
    leaves = [part for part in model.parameters() if part.requires_grad]
    grads = torch.autograd.grad(step.loss * step.count, leaves, allow_unused=True)
    pairs = zip(grads, leaves, strict=True)
    return step, [torch.zeros_like(p) if g is None else g for g, p in pairs]


def batch_of(case: Case, shape: dict[str, Any], world: Path, training: bool):
    task = case.open(world)
    model = network(task, shape).double().train(training)
    return task, model, some_batch(task, "train" if training else "test")


@each_shape
def test_a_task_knows_the_shape_of_the_state_it_carries(case, shape, world) -> None:
    task, model, batch = batch_of(case, shape, world, training=True)
    shapes = [
        [[part.shape for part in layer] for layer in state or ()]
        for state in (task.carried(model, batch), task.step(model, batch, None).state)
    ]
    assert shapes[0] == shapes[1]


@each_mode
@each_shape
def test_a_batch_is_its_members_alone(case, shape, world, training) -> None:
    """Its loss is the mean over theirs; what is counted of it, answers among that, is their sum."""
    task, model, batch = batch_of(case, shape, world, training)
    whole, gradients = judged(task, model, batch)
    size = batch.inputs.shape[1]
    assert size > 2
    each = [judged(task, model, taken(batch, [member])) for member in range(size)]
    assert whole.count == sum(step.count for step, _ in each)
    summed = sum(step.loss * step.count for step, _ in each)
    torch.testing.assert_close(whole.loss * whole.count, summed, **EXACT)
    for name, value in whole.sums.items():
        parts = sum(float(step.sums[name]) for step, _ in each)
        assert float(value) == pytest.approx(parts, rel=1e-10, abs=1e-10), name
    assert {name for step, _ in each for name in step.sums} == whole.sums.keys()
    for k, gradient in enumerate(gradients):
        torch.testing.assert_close(gradient, sum(alone[k] for _, alone in each), **EXACT)


@each_mode
@each_shape
def test_the_order_in_a_batch_does_not_matter(case, shape, world, training) -> None:
    task, model, batch = batch_of(case, shape, world, training)
    order = torch.randperm(batch.inputs.shape[1], generator=torch.Generator().manual_seed(1))
    assert_same(judged(task, model, batch), judged(task, model, taken(batch, order.tolist())))


@each_mode
@each_shape
def test_what_stands_at_padded_steps_is_never_read(case, shape, world, training) -> None:
    task, model, batch = batch_of(case, shape, world, training)
    wild = with_wild_padding(batch)
    if batch.lengths is not None:
        assert not torch.equal(wild.inputs, batch.inputs)
    assert_same(judged(task, model, batch), judged(task, model, wild))


def assert_same(one: tuple[Step, list[Tensor]], other: tuple[Step, list[Tensor]]) -> None:
    (a, a_gradients), (b, b_gradients) = one, other
    assert (a.count, a.sums.keys()) == (b.count, b.sums.keys())
    torch.testing.assert_close(a.loss, b.loss, **EXACT)
    for name, value in a.sums.items():
        torch.testing.assert_close(value, b.sums[name], **EXACT, msg=name)
    torch.testing.assert_close(a_gradients, b_gradients, **EXACT)


@each_without_a_stream
def test_a_score_does_not_depend_on_the_size_of_batches(case, shape, world) -> None:
    """Nor does it on how sequences are padded to stand in one."""
    scores = []
    for size in (1, 64):
        task = case.open(world, batch_size=size)
        scores.append(evaluate(network(task, shape), task, "test"))
    assert scores[0].keys() == scores[1].keys()
    for name, value in scores[0].items():
        assert value == pytest.approx(scores[1][name], rel=1e-5), name


@each_shape
def test_answers_do_not_depend_on_the_company(case, shape, world) -> None:
    task = case.open(world)
    model = network(task, shape)
    examples = list(model.read(world / case.answered()))[:4]
    together = model.answers(examples)
    assert len(together) == len(examples) > 1
    assert any(answer != together[0] for answer in together)  # a network that tells inputs apart
    for example, answer in zip(examples, together, strict=True):
        assert_equal(model.answers([example])[0], answer)
    assert_equal(model.answers(examples[::-1]), together[::-1])
    assert model.answers([]) == []


def assert_equal(a: Any, b: Any) -> None:
    """Equal but for rounding."""
    if isinstance(a, Mapping):
        assert a.keys() == b.keys()
        for name in a:
            assert_equal(a[name], b[name])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-5)
    else:
        assert a == b


@each_stream
def test_a_stream_in_pieces_is_the_whole(case, shape, world) -> None:
    task = case.open(world)
    model = network(task, shape).double()
    batch = task.batches("test")[0]
    whole = task.step(model, batch, None)
    state: State | None = None
    summed = torch.zeros((), dtype=torch.float64)
    for x, y in zip(batch.inputs.split(2), batch.targets.split(2), strict=True):
        step = task.step(model, StreamBatch(inputs=x, targets=y), state)
        summed += step.loss * step.count
        state = step.state
    torch.testing.assert_close(summed, whole.loss * whole.count, **EXACT)
    torch.testing.assert_close(state, whole.state, **EXACT)


@each_of_speech
def test_speech_in_pieces_is_the_whole(case, shape, world) -> None:
    model = network(case.open(world), {**shape, "bidirectional": False})
    assert isinstance(model, Transcriber)
    files = model.read(world / case.answered())[:4]
    texts = model.predict(files)
    assert any(texts)
    for file, text in zip(files, texts, strict=True):
        samples = soundfile.read(file, dtype="float32")[0]
        stream = model.stream()
        for piece in np.array_split(samples, 9):
            stream.feed(piece)
        assert stream.text == text


@each_shape
def test_a_network_that_is_no_number_is_seen_by_its_loss(case, shape, world) -> None:
    """The last step before an evaluation may have broken it: no decoder stumbles over that."""
    task = case.open(world)
    model = network(task, shape)
    with torch.no_grad():
        for part in model.parameters():
            part.fill_(torch.nan)
    for part in ("validation", "test"):
        assert not math.isfinite(evaluate(model, task, part)["loss"])
    model.answers(list(model.read(world / case.answered()))[:2])
