"""Every task trains, answers and comes back from its folder with the newer cells."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import lamina
from lamina.cells import CELLS
from lamina.depth import search
from lamina.tasks import TASKS as ALL
from lamina.train import Settings, Silent, fit
from tiny_tasks import TASKS

NEW = [cell for cell in CELLS if cell not in ("rnn", "gru", "lstm")]


@pytest.mark.parametrize("cell", NEW)
@pytest.mark.parametrize("name", TASKS)
def test_a_task_takes_a_cell(name: str, cell: str, tmp_path: Path) -> None:
    task, options = TASKS[name](tmp_path)
    torch.manual_seed(0)
    model = task.model(cell=cell, depth=2, width=6, **options)  # type: ignore[attr-defined]
    before = [parameter.detach().clone() for parameter in model.parameters()]
    result = fit(model, task, Settings(epochs=1, threads=1), out=tmp_path / "r", progress=Silent())
    assert result.best is not None
    stays = [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert not any(stays)  # every weight learns: none is without effect
    again = lamina.load(tmp_path / "r")
    assert again.config()["options"]["cell"] == cell
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("strategy", ["grid", "exits", "relax", "grow"])
@pytest.mark.parametrize("cell", NEW)
def test_a_depth_search_takes_a_cell(cell: str, strategy: str) -> None:
    task = ALL["classify"]("digits", batch_size=64)
    verdict = search(
        task,
        depths=[1, 2],
        seeds=2,
        width=4,
        cell=cell,
        strategy=strategy,
        settings=Settings(epochs=1, threads=1, lr=5e-3),
        progress=None,
        **({"residual": True, "activation": "tanh"} if strategy == "grow" else {}),
    )
    assert 2 in {trial.depth for trial in verdict.trials}
    assert "layer" in verdict.headline
