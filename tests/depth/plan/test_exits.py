"""All depths in one training: what is shared, that nothing else changes, and what it gives."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.ask.candidates import Candidate, equal_width
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import exits, train
from lamina.depth.plan.kinds.exits import AllDepths, shared
from lamina.depth.plan.kinds.shared import SharedDepths
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import LaminaError, Task
from lamina.store import RunFolder
from lamina.train import Settings, Silent, evaluate
from tiny_tasks import TASKS

QUICK = Settings(epochs=1, lr=0.01, threads=1)
DEEP = Job(depth=3, seed=0, kind="exits")


#: A translator's upper decoder layers read the encoder's top, which differs from depth to depth.
SHARING = [name for name in TASKS if name != "translate"]


@pytest.fixture(scope="module", params=SHARING)
def setup(request, tmp_path_factory) -> Setup:
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        task, changes = TASKS[request.param](folder)
    return made(task, changes)


@pytest.fixture
def words(tmp_path: Path) -> Setup:
    return made(*TASKS["classify"](tmp_path))


def made(task: Task, changes: dict[str, Any], depths=(1, 2, 3), settings=QUICK) -> Setup:
    candidates = equal_width(task, depths, 6, None, **changes)
    return Setup(task, candidates, settings, None, changes)


def test_layers_that_read_deeper_ones_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    task, changes = TASKS["translate"](tmp_path)
    with pytest.raises(
        LaminaError, match=r"depth 2 would read what only a deeper one gives.*Use strategy='grid'"
    ):
        shared(DEEP, made(task, changes))


@pytest.mark.parametrize("strategy", ["exits", "relax"])
def test_a_search_refuses_before_it_makes_a_folder(strategy, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    task, changes = TASKS["translate"](tmp_path)
    with pytest.raises(LaminaError, match="only a deeper one gives"):
        search(
            task,
            depths=(1, 2, 3),
            strategy=strategy,
            width=6,
            out=tmp_path / "out",
            settings=QUICK,
            **changes,
        )
    assert not (tmp_path / "out").exists()


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return RunFolder.open(folder).load_model_files()[2]


def alone(setup: Setup, model: SharedDepths, depth: int):
    """A network of that depth on its own, with the weights of the shared one."""
    network = setup.model(DEEP, depth)
    network.load_state_dict(model.network(depth).state_dict())
    return network


def test_gradients_are_those_of_the_plain_mean_of_the_losses(setup: Setup) -> None:
    model = shared(DEEP, setup).double().train()
    batch = setup.task.batches("train")[0]
    if batch.inputs.is_floating_point():
        batch = type(batch)(**{**vars(batch), "inputs": batch.inputs.double()})
    together = AllDepths(setup.task, model.depths).step(model, batch, None).loss
    names, leaves = zip(*model.named_parameters(), strict=True)
    got = torch.autograd.grad(together, leaves)
    losses = [setup.task.step(model.network(d), batch, None).loss for d in model.depths]
    plain = (losses[0] + losses[1] + losses[2]) / 3
    torch.testing.assert_close(together, plain, rtol=1e-12, atol=1e-12)
    for name, a, b in zip(names, got, torch.autograd.grad(plain, leaves), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11, msg=name)


def test_layers_and_what_they_read_are_shared_and_heads_are_not(setup: Setup) -> None:
    model = shared(DEEP, setup)
    deep, shallow = model.network(3), model.network(1)
    layers = {n: p for n, p in deep.named_parameters() if ".layers.0." in n or "embedding" in n}
    assert layers
    own = dict(shallow.named_parameters())
    assert all(own[n] is p for n, p in layers.items() if n in own)
    assert any(p is not dict(deep.named_parameters()).get(n) for n, p in own.items())
    count = sum(p.numel() for p in model.parameters())
    separate = sum(p.numel() for d in (1, 2, 3) for p in setup.model(DEEP, d).parameters())
    assert sum(p.numel() for p in deep.parameters()) < count < separate


def test_scores_of_a_depth_are_those_of_a_network_with_its_weights(setup: Setup) -> None:
    model = shared(DEEP, setup)
    scores = evaluate(model, AllDepths(setup.task, model.depths))
    for depth in (1, 2, 3):
        own = evaluate(alone(setup, model, depth), setup.task)
        assert own == {n: scores[f"{n}@{depth}"] for n in own}


def test_a_training_learns_every_depth_and_keeps_each_once(setup: Setup, tmp_path: Path) -> None:
    trial = exits.run(DEEP, setup, tmp_path / "run", Silent())
    assert [depth for depth, _ in trial.values] == [1, 2, 3]
    assert all(value is not None for _, value in trial.values)
    assert trial.value in [value for _, value in trial.values]
    tensors = weights(tmp_path / "run")
    model = shared(DEEP, setup)
    before = copy.deepcopy(model.state_dict())
    assert tensors.keys() == before.keys()
    assert sum(t.numel() for t in tensors.values()) >= trial.parameters
    assert len({t.data_ptr() for t in model.state_dict().values()}) == len(tensors)
    assert not any(torch.equal(tensors[n], before[n]) for n in before if n.endswith("weight_ih"))
    model.load_state_dict(tensors)
    assert all(torch.equal(t, tensors[n]) for n, t in model.state_dict().items())


def test_one_depth_is_the_plain_training_to_the_last_bit(setup: Setup, tmp_path: Path) -> None:
    one = made(setup.task, {**setup.changes, "dropout": 0.2}, depths=(2,))
    plain = train.run(Job(depth=2, seed=3), one, tmp_path / "plain", Silent())
    trial = exits.run(Job(depth=2, seed=3, kind="exits"), one, tmp_path / "exits", Silent())
    assert (trial.value, trial.curve, trial.parameters) == (
        plain.value,
        plain.curve,
        plain.parameters,
    )
    ours, theirs = weights(tmp_path / "exits"), weights(tmp_path / "plain")
    assert {n.removeprefix("networks.0.") for n in ours} == theirs.keys()
    assert all(torch.equal(t, theirs[n.removeprefix("networks.0.")]) for n, t in ours.items())


class Bomb(Silent):
    def step(self, epoch, batch, batches, loss, tokens_per_second):
        if epoch == 2:
            raise RuntimeError("killed")


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_killed_training_goes_on(words: Setup, tmp_path: Path, norm: str) -> None:
    settings = Settings(epochs=3, lr=0.01, threads=1, checkpoint_steps=2)
    changes = {**words.changes, "dropout": 0.3, "norm": norm}
    setup = made(words.task, changes, settings=settings)
    whole = exits.run(DEEP, setup, tmp_path / "whole", Silent())
    with pytest.raises(RuntimeError, match="killed"):
        exits.run(DEEP, setup, tmp_path / "run", Bomb())
    trial = exits.run(DEEP, setup, tmp_path / "run", Silent())
    assert (trial.values, trial.curve) == (whole.values, whole.curve)
    ours, theirs = weights(tmp_path / "run"), weights(tmp_path / "whole")
    assert all(torch.equal(ours[n], theirs[n]) for n in theirs)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("residual", [False, True])
def test_each_layer_runs_once(words: Setup, cell: str, residual: bool) -> None:
    setup = made(words.task, {**words.changes, "cell": cell, "residual": residual})
    model = shared(DEEP, setup).train()
    ran: list[int] = []
    stack: Any = model.network(3).stack  # type: ignore[union-attr]
    for index, layer in enumerate(stack.layers):
        layer.register_forward_hook(lambda *_, index=index: ran.append(index))
    AllDepths(setup.task, model.depths).step(model, setup.task.batches("train")[0], None)
    assert ran == [0, 1, 2]


def test_what_cannot_share_is_refused_in_a_line(words: Setup) -> None:
    toy = Toy()
    none = Setup(toy, equal_width(toy, (1, 2), 4, None), QUICK, None, {})
    with pytest.raises(LaminaError, match=r"toy network are not in a lamina\.nn\.Stack"):
        shared(Job(depth=2, seed=0, kind="exits"), none)
    narrow = (Candidate(1, 9, 0), Candidate(2, 6, 0))
    setup = Setup(words.task, narrow, QUICK, None, words.changes)
    with pytest.raises(LaminaError, match="need one width= at all depths"):
        shared(Job(depth=2, seed=0, kind="exits"), setup)


def test_a_search_by_exits_decides_and_hands_over_a_network_trained_alone(words, tmp_path) -> None:
    verdict = search(
        words.task,
        depths=(1, 2, 3),
        seeds=2,
        width=6,
        strategy="exits",
        settings=QUICK,
        out=tmp_path / "search",
        progress=SilentSearch(),
        **words.changes,
    )
    assert [(t.job.kind, t.depth, t.seed) for t in verdict.trials] == [
        ("exits", 3, 0),
        ("exits", 3, 1),
    ]
    assert [(s.depth, s.seeds) for s in verdict.decision.scores] == [(1, 2), (2, 2), (3, 2)]
    assert "not trained separately" in " ".join(verdict.saw)
    shown = verdict.decision.shown
    assert shown is not None
    assert "networks.0.head.weight" not in weights(tmp_path / "search")
