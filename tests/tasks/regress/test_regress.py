"""Scores as scikit-learn defines them, answers in the unit of the file, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from command_line import done, lamina
from lamina.data.prepare.standardize import Standardizer
from lamina.spec import LaminaError
from lamina.tasks import Regress, load, load_processor
from lamina.tasks.scores.sums import regression_errors
from lamina.train import Silent, evaluate, fit


@pytest.fixture
def machines(tmp_path: Path) -> Path:
    """Sixty machines; how fast each grows warm says how long it lives."""
    rng, rows = random.Random(0), ["run,heat,rul"]
    for run in range(60):
        speed = rng.uniform(1, 5)
        for t in range(rng.randint(3, 8)):
            rows.append(f"{run},{speed * t + rng.gauss(0, 0.05):.3f},{5000 + 100 * speed:.2f}")
    (tmp_path / "machines.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "machines.csv"


def test_a_regressor_learns_and_answers_in_the_unit_of_the_file(machines, tmp_path) -> None:
    task = Regress(machines, id="run", target="rul", split_seed=1, batch_size=8)
    torch.manual_seed(0)
    model = task.model(depth=1, width=12)
    result = fit(model, task, epochs=30, lr=0.02, out=tmp_path / "run", progress=Silent())
    assert result.best["rmse"] < task.baseline() / 3
    again = load(tmp_path / "run")
    scores = evaluate(again, task, "test")
    assert scores["r2"] > 0.8
    truth = np.array([float(text) for text in task.parts["test"].answers])
    found = np.array(again.predict(task.parts["test"].values))
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((found - truth) ** 2)), rel=1e-4)
    assert scores["mae"] == pytest.approx(np.mean(np.abs(found - truth)), rel=1e-4)
    share = np.sum((found - truth) ** 2) / np.sum((truth - truth.mean()) ** 2)
    assert 1 - scores["r2"] == pytest.approx(share, rel=1e-4)
    processor = load_processor(tmp_path / "run")
    raw = again.scores(task.parts["test"].values)
    assert processor.decode(raw) == again.answers(task.parts["test"].values)


def test_scores_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth, found = rng.normal(50, 9, 40), rng.normal(50, 9, 40)
    scale = Standardizer.fit([truth[:30, None]])
    z, gap = (truth - scale.mean) / scale.scale, (found - truth) / scale.scale
    sums = {
        "loss": np.square(gap).sum(),
        "absolute": np.abs(gap).sum(),
        "spread": np.square(z - z.mean()).sum(),
    }
    got = regression_errors(sums, 40, float(scale.scale[0]))
    assert got["rmse"] == pytest.approx(np.sqrt(metrics.mean_squared_error(truth, found)))
    assert got["mae"] == pytest.approx(metrics.mean_absolute_error(truth, found))
    assert got["r2"] == pytest.approx(metrics.r2_score(truth, found))


def test_r2_without_spread() -> None:
    same = {"absolute": 0.0, "spread": 0.0}
    assert np.isnan(regression_errors({**same, "loss": 0.0}, 1, 1.0)["r2"])
    assert regression_errors({**same, "loss": 0.0}, 3, 1.0)["r2"] == 1
    assert regression_errors({**same, "loss": 2.0}, 3, 1.0)["r2"] == 0


def test_the_baseline_is_the_mean_of_the_training_part(machines) -> None:
    task = Regress(machines, id="run", target="rul")
    train, validation = (
        np.array(list(map(float, task.parts[part].answers))) for part in ("train", "validation")
    )
    need = np.sqrt(np.mean((validation - train.mean()) ** 2))
    assert task.baseline() == pytest.approx(need, rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2,soon"], r"machines\.csv, id 1: target is 'soon'; need a finite number"),
        (["1,2,1_005"], r"id 1: target is '1_005'; need a finite number"),
        (["1,2,nan"], r"id 1: target is 'nan'; need a finite number"),
        (["1,2,3", "1,2,4"], r"machines\.csv:3: target '4', but id '1' began with '3'"),
        ([f"{i},{i},7" for i in range(30)], r"the target is 7 in all 30 training examples"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(machines, rows, message) -> None:
    machines.write_text("\n".join(["run,heat,rul", *rows]))
    with pytest.raises(LaminaError, match=message):
        Regress(machines, id="run", target="rul", fractions=(1, 0, 0))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_part_with_classes_is_refused(machines, tmp_path, part) -> None:
    with pytest.raises(LaminaError, match=r"v\.ts: holds sequences with classes"):
        Regress(machines, id="run", target="rul", **{part: tmp_path / "v.ts"})


def test_the_commands(machines, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = ("--id", "run", "--target", "rul")
    small = ("--width", 4, "--epochs", 1)
    done(lamina("train", "regress", "machines.csv", *columns, *small, "--out", "run"))
    assert "mean of training" in done(lamina("evaluate", "run", "machines.csv")).out
    answers = done(lamina("predict", "run", "--file", "machines.csv")).out.splitlines()
    assert len(answers) == 60
    assert 4000 < float(answers[0].split("\t")[1]) < 7000
    depths = ("--depths", "1-2", "--seeds", 2, "--out", "search")
    told = done(lamina("depth", "regress", "machines.csv", *columns, *small, *depths))
    assert "rmse" in told.out + told.err
    assert "(--target)" in lamina("train", "regress", "machines.csv", "--id", "run").err
