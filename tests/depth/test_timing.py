"""What an epoch is expected to take, from the times of single steps."""

from __future__ import annotations

import pytest
from depth_toy import Toy

from lamina.depth import search, timing
from lamina.depth.measure import Stepper
from lamina.depth.progress import SilentSearch
from lamina.train import Settings


def test_an_epoch_is_its_steps_and_its_share_of_an_evaluation(monkeypatch):
    monkeypatch.setattr(Stepper, "milliseconds", lambda self, batch: 1000.0 * self.depth)
    monkeypatch.setattr(Stepper, "evaluated", lambda self, batch: 500.0)
    monkeypatch.setattr(Stepper, "depth", property(lambda s: len(s.model.layers)), raising=False)
    task = Toy(size=40)  # four batches to train, four to evaluate
    models = {d: task.model(depth=d) for d in (1, 3)}
    found = timing.epoch_seconds(models, task, Settings(threads=1, evaluate_every=2))
    assert found == pytest.approx({1: 4 * 1 + 4 * 0.5 / 2, 3: 4 * 3 + 4 * 0.5 / 2}, abs=0.2)


def test_an_evaluation_trains_nothing():
    task = Toy()
    model = task.model(depth=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert Stepper(model, task, Settings(threads=1)).evaluated(task.batches("validation")[0]) > 0
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert model.training


def test_a_verdict_keeps_what_was_expected_beside_what_it_took():
    settings = Settings(epochs=2, threads=1)
    verdict = search(
        Toy(), depths=(1, 2), seeds=1, strategy="race", settings=settings, progress=SilentSearch()
    )
    assert verdict.expected_seconds > 0
    assert verdict.seconds > 0
    assert verdict.strategy == "race"
