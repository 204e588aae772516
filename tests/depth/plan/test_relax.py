"""Depth as a continuous choice: who moves what, on which data, and what follows from the choice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from lamina.depth.ask.candidates import equal_width
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import relax
from lamina.depth.plan.kinds.exits import shared
from lamina.depth.plan.kinds.relax import ChosenDepth, Relaxed, Turn
from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies.relax import Relax
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY, LaminaError
from lamina.tasks import Classify
from lamina.train import Settings, Silent, evaluate
from tiny_tasks import TASKS

JOB = Job(depth=3, seed=0, kind="relax")
QUICK = Settings(epochs=2, lr=0.01, threads=1, checkpoint_steps=3)


def made(name: str, folder: Path) -> Setup:
    task, changes = TASKS[name](folder)
    if isinstance(task, Classify):
        columns = {"text": "review", "label": "mood", "min_count": 1}
        parts = {"fractions": (0.5, 0.4, 0.1), "batch_size": 1}
        task = Classify(folder / "reviews.csv", **columns, **parts)
    return Setup(task, equal_width(task, (1, 2, 3), 6, None, **changes), QUICK, None, changes)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return made("classify", tmp_path)


def test_weights_and_choice_take_turns_on_data_of_their_own(setup: Setup) -> None:
    model = Relaxed(shared(JOB, setup)).train()
    task = ChosenDepth(setup.task, model.every.depths, 2)
    turns = task.batches("train", epoch=0, seed=0)
    assert [turns[k].chooses for k in range(4)] == [False, True, False, True]  # type: ignore[attr-defined]
    for k in range(2):
        model.zero_grad()
        task.step(model, turns[k], None).loss.backward()
        moved = {name for name, p in model.named_parameters() if p.grad is not None}
        assert ("logits" in moved) == (k == 1)
        assert (len(moved) > 1) == (k == 0)
    found = setup.task.batches("validation")
    halves = [
        {id_ for k in places for id_ in found[k].index.tolist()}
        for places in (task.choosing, task.scoring)
    ]  # type: ignore[union-attr]
    assert all(halves)
    assert not halves[0] & halves[1]
    assert len(halves[0] | halves[1]) == sum(len(batch.targets) for batch in found)
    scored = [batch.index.tolist() for batch in task.batches("validation")]  # type: ignore[union-attr]
    assert {i for ids in scored for i in ids} == halves[1]
    chosen = [turns[k].index.tolist() for k in range(1, len(turns), 2)]  # type: ignore[union-attr]
    assert {i for ids in chosen for i in ids} == halves[0]


def test_the_gradient_of_the_choice_is_that_of_the_mean_loss_under_it(setup: Setup) -> None:
    model = Relaxed(shared(JOB, setup)).double().train()
    task = ChosenDepth(setup.task, model.every.depths, 2)
    with torch.no_grad():
        model.logits.copy_(torch.tensor([0.3, -0.2, 0.1]))
    turn = task.batches("train", epoch=1)[1]
    assert isinstance(turn, Turn)
    task.step(model, turn, None).loss.backward()
    losses = [setup.task.step(model.every.network(d), turn, None).loss for d in model.every.depths]
    loss = torch.stack(losses).detach()
    p = torch.softmax(model.logits.detach() / turn.temperature, 0)
    assert model.logits.grad is not None
    torch.testing.assert_close(model.logits.grad, p * (loss - p @ loss) / turn.temperature)


def test_the_temperature_falls_to_the_end_and_a_stream_goes_on(tmp_path: Path) -> None:
    setup = made("language_model", tmp_path)
    model = Relaxed(shared(JOB, setup)).train()
    task = ChosenDepth(setup.task, model.every.depths, 2)
    turns = [turn for epoch in (0, 1) for turn in task.batches("train", epoch=epoch)]
    heat = [turn.temperature for turn in turns]  # type: ignore[attr-defined]
    assert heat == sorted(heat, reverse=True)
    assert heat[0] == relax.TEMPERATURES[0]
    assert heat[-1] == pytest.approx(relax.TEMPERATURES[1])
    state = task.step(model, turns[0], None).state
    assert task.step(model, turns[1], state).state is state
    assert not turns[1].fresh


@pytest.mark.parametrize("name", ["classify", "regress", "language_model", "tag"])
def test_a_killed_training_goes_on_and_ends_at_one_depth(name, tmp_path) -> None:
    setup = made(name, tmp_path)
    whole = relax.run(JOB, setup, tmp_path / "whole", Silent())
    with pytest.raises(RuntimeError, match="killed"):
        relax.run(JOB, setup, tmp_path / "run", Bomb())
    trial = relax.run(JOB, setup, tmp_path / "run", Silent())
    assert (trial.values, trial.shares, trial.curve) == (whole.values, whole.shares, whole.curve)
    assert [depth for depth, _ in trial.shares] == [1, 2, 3]
    assert sum(weight for _, weight in trial.shares) == pytest.approx(1)
    assert max(weight for _, weight in trial.shares) > 0.5


class Bomb(Silent):
    def step(self, epoch, batch, batches, loss, tokens_per_second):
        if epoch == 2:
            raise RuntimeError("killed")


def test_a_depth_that_is_useless_is_not_chosen(setup: Setup) -> None:
    model = Relaxed(shared(JOB, setup)).train()
    task = ChosenDepth(setup.task, model.every.depths, 1)
    with torch.no_grad():  # depths 3 and 1 are sure of both answers, and so of a wrong one
        for depth in (1, 3):
            model.every.network(depth).head.bias.copy_(torch.tensor([50.0, -50.0]))  # type: ignore[union-attr]
    optimizer = torch.optim.Adam([model.logits], lr=0.05)
    turns = task.batches("train")
    for turn in turns:
        if turn.chooses:  # type: ignore[attr-defined]
            optimizer.zero_grad()
            task.step(model, turn, None).loss.backward()
            optimizer.step()
    shares = dict(zip(model.every.depths, model.shares().tolist(), strict=True))
    assert shares[2] > 0.9
    scores = evaluate(model, task)
    assert scores["accuracy"] == pytest.approx(
        sum(shares[d] * scores[f"accuracy@{d}"] for d in (1, 2, 3))
    )


def test_too_little_to_halve_is_refused(setup: Setup, tmp_path: Path) -> None:
    task, _ = TASKS["classify"](tmp_path)
    with pytest.raises(LaminaError, match="has 1 batch; strategy relax"):
        ChosenDepth(task, (2, 1), 1)


def play(choices: list[int | None], utilities: Mapping[int, float]) -> tuple[Relax, list[int]]:
    depths = tuple(utilities)
    problem = Problem(depths=depths, seeds=3, epochs=3, metric=ACCURACY, margin=1.0)
    strategy, alone = Relax(problem), []
    while jobs := strategy.ask():
        for job in jobs:
            shares: tuple[tuple[int, float], ...] = ()
            value = 0.5 + utilities[job.depth] / 100 + job.seed / 100_000
            if job.kind == "relax":
                choice = choices[job.seed]
                shares = () if choice is None else tuple((d, float(d == choice)) for d in depths)
            else:
                alone.append(job.depth)
            strategy.tell(Trial(job, 1, value, 1, 3, 3, 1.0, 1.0, 1.0, shares=shares))
    return strategy, sorted(set(alone))


def test_the_choice_and_its_neighbours_are_trained_alone() -> None:
    curve = {1: 0.0, 2: 5.0, 3: 10.0, 4: 10.1, 5: 10.2}
    strategy, alone = play([3, 4, 3], curve)
    assert alone == [2, 3, 4]
    assert strategy.evidence()[3] == pytest.approx([60.0, 60.001, 60.002])
    assert "chose 3, 3, 4 layers" in strategy.saw()[0]


def test_an_answer_at_the_edge_is_looked_beyond() -> None:
    flat = dict.fromkeys((1, 2, 3, 4, 5), 0.0)
    assert play([5, 5, 5], flat)[1] == [1, 2, 3, 4, 5]  # it walks down as far as nothing is lost
    rising = {1: 0.0, 2: 5.0, 3: 10.0, 4: 15.0, 5: 15.1}
    assert play([2, 2, 2], rising)[1] == [1, 2, 3, 4, 5]
    assert play([None, None, None], rising)[1] == [1, 2, 3, 4, 5]
