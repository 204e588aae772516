"""Losses along a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lamina.train import evaluate, fit
from measured.curves import Curve, watch
from measured.lab import Lab
from measured.training import Training, open_task

CURVE = Curve((10, 20, 30, 40), (2.0, 1.5, 1.0, 0.5), (2.1, 1.8, 1.9, 2.4))


def test_a_curve_knows_where_it_turns_and_what_is_lost_after() -> None:
    assert CURVE.steps[CURVE.best] == 20
    assert not CURVE.ends_best
    assert CURVE.gap == pytest.approx(0.3)
    assert CURVE.overtrained == pytest.approx(0.6)
    assert Curve((1, 2), (2.0, 1.0), (2.0, 1.5)).ends_best


def test_validation_loss_is_read_between_evaluations() -> None:
    assert CURVE.validation_at(1.25) == pytest.approx(1.85)
    assert CURVE.validation_at(0.5) == pytest.approx(2.4)
    assert CURVE.validation_at(9.0) == 2.1  # reached before the first
    with pytest.raises(StopIteration):
        CURVE.validation_at(0.1)


def test_watching_changes_nothing_and_measures_without_dropout(tmp_path: Path) -> None:
    data = {"source": Lab(tmp_path, 1, True).source("classify", "imdb"), "text": "text"}
    model, settings = {"width": 8, "dropout": 0.5}, {"epochs": 3, "lr": 0.01}
    given = Training("classify", data, model, settings, 3).arguments()
    found = watch(folder=tmp_path / "none", **given)
    assert len(found["steps"]) == len(found["train"]) == len(found["validation"]) == 3

    task = open_task("classify", data)
    torch.manual_seed(3)
    network = task.model(**model)
    fit(network, task, seed=3, threads=1, **settings)  # the weights of the best epoch
    scored = evaluate(network, task, "validation")["loss"], evaluate(network, task, "train")["loss"]
    pairs = list(zip(found["validation"], found["train"], strict=True))
    assert any(pair == pytest.approx(scored, rel=1e-5) for pair in pairs)
