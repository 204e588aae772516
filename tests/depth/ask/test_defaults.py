"""How a search trains where it is not told."""

from __future__ import annotations

import pytest

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.ask.setup import EPOCHS, STEPS, settings_for
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import LaminaError


def test_large_data_get_fewer_epochs_within_bounds(monkeypatch):
    task = Toy()
    found = {}
    for steps in (1, 150, 300, 100_000):
        monkeypatch.setattr(task, "batches", lambda part, steps=steps: range(steps))
        found[steps] = settings_for(task).epochs
    assert found == {1: EPOCHS[1], 150: STEPS // 150, 300: STEPS // 300, 100_000: EPOCHS[0]}


def test_what_is_given_stays_and_is_checked():
    told = settings_for(Toy(), epochs=7, schedule="constant", lr=0.5)
    assert (told.epochs, told.schedule, told.lr) == (7, "constant", 0.5)
    assert settings_for(Toy(), lr=0.5).schedule == "cosine"
    with pytest.raises(LaminaError, match="epochs"):
        settings_for(Toy(), epochs=0)


def test_a_search_without_settings_trains_by_them(monkeypatch):
    monkeypatch.setattr("lamina.depth.ask.setup.EPOCHS", (1, 2))
    task = Toy()
    verdict = search(task, depths=(1,), seeds=1, progress=SilentSearch())
    assert verdict.search["training"]["epochs"] == 2
    assert verdict.search["training"]["schedule"] == "cosine"
