"""Draws of examples, and the noise that is put on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lamina.data import PARTS, read_sequence_table, read_text_table
from measured.data.draws import Draw
from measured.data.noise import relabelled, with_gaussian, with_typos

TEXTS = [f"word{k} and {k * k}" for k in range(200)]
LABELS = ["even" if k % 2 == 0 else "odd" for k in range(200)]


def _seeded() -> np.random.Generator:
    return np.random.default_rng(5)


def test_labels_are_drawn_anew_in_that_share() -> None:
    labels = ["a", "b", "c", "d"] * 2500
    found = relabelled(labels, 0.4, _seeded())
    changed = np.mean([one != other for one, other in zip(labels, found, strict=True)])
    assert changed == pytest.approx(0.4 * 3 / 4, abs=0.02)  # one in four is drawn as it was
    assert relabelled(labels, 0.0, _seeded()) == labels
    less = relabelled(labels, 0.2, _seeded())
    for label, one, other in zip(labels, less, found, strict=True):
        assert one in (label, other)  # what little noise changed, more noise changes alike


def test_typos_come_in_that_share_and_leave_no_text_empty() -> None:
    (text,) = with_typos(["0" * 30_000], 0.3, _seeded())
    letters = sum(c.isalpha() for c in text) / 30_000
    assert letters == pytest.approx(0.3 * 2 / 3, abs=0.01)  # replaced or added
    assert len(text) == pytest.approx(30_000, abs=300)  # as many left out as added
    assert all(with_typos(["x"] * 200, 0.9, _seeded()))
    assert with_typos(TEXTS, 0.0, _seeded()) == TEXTS


def test_noise_on_numbers_has_its_deviation() -> None:
    arrays = [np.zeros((50, 8)), np.ones((30, 8))]
    first, second = with_gaussian(arrays, np.array([0.5] * 4 + [0.0] * 4), _seeded())
    assert np.std(first[:, :4]) == pytest.approx(0.5, rel=0.1)
    assert not first[:, 4:].any()
    assert np.mean(second) == pytest.approx(1, abs=0.1)


def test_noise_follows_each_feature_s_spread(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200, 5, 2)) * (10.0, 0.1)
    draw = Draw(tmp_path, list(values), LABELS, (100, 20, 80), 0)
    table = read_sequence_table(draw.disturbed("test", 0.5), id="id", label="label")
    added = np.stack(table.sequences) - np.stack(draw.parts["test"][0])
    assert added.std(axis=(0, 1)) == pytest.approx((5.0, 0.05), rel=0.15)


def test_parts_are_disjoint_and_another_seed_draws_others(tmp_path: Path) -> None:
    one, other = (Draw(tmp_path, TEXTS, LABELS, (60, 20, 50), seed) for seed in (0, 1))
    rows = {part: set(one.parts[part][0]) for part in PARTS}
    assert [len(rows[part]) for part in PARTS] == [60, 20, 50]
    assert len(set.union(*rows.values())) == 130
    assert rows["train"] != set(other.parts["train"][0])


def test_files_hold_the_parts_with_their_noise(tmp_path: Path) -> None:
    draw = Draw(tmp_path, TEXTS, LABELS, (60, 20, 50), 0)
    clean = read_text_table(draw.clean("train"), text="text", label="label")
    assert (clean.texts, clean.labels) == draw.parts["train"]
    noisy = read_text_table(draw.relabelled("train", 0.5), text="text", label="label")
    assert noisy.texts == clean.texts
    assert noisy.labels != clean.labels
    noisy = read_text_table(draw.disturbed("train", 0.5), text="text", label="label")
    assert noisy.labels == clean.labels
    assert noisy.texts != clean.texts


def test_arrays_come_back_from_their_file(tmp_path: Path) -> None:
    arrays = [np.arange(6.0).reshape(3, 2) + k for k in range(40)]
    draw = Draw(tmp_path, arrays, LABELS[:40], (20, 10, 10), 0)
    table = read_sequence_table(draw.clean("test"), id="id", label="label")
    assert table.labels == list(draw.parts["test"][1])
    for found, given in zip(table.sequences, draw.parts["test"][0], strict=True):
        assert np.allclose(found, given)
