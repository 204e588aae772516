"""The bench of the strategies: its drawn curves are what they are said to be, and so are its tasks.

Its quick mode is run by ``tests/studies/test_studies.py``.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """The modules of the bench, found as its script finds them."""
    sys.path.insert(0, str(ROOT / "bench"))
    from strategy_rows import problems, real, simulate, worlds

    yield SimpleNamespace(problems=problems, real=real, simulate=simulate, worlds=worlds)
    sys.path.remove(str(ROOT / "bench"))


@pytest.mark.parametrize("question", ["line", "between", "digits", "timemachine"])
@pytest.mark.parametrize("truth", ["flat", "second, third +2", "third +2 but late"])
@pytest.mark.parametrize("noise", [0.15, 0.6])
def test_final_scores_have_the_gains_and_the_noise_that_are_asked_for(
    bench, question, truth, noise
):
    drawn, seeds = bench.worlds, 2000
    rng = np.random.default_rng(0)
    finals = drawn.draw(question, drawn.TRUTHS[truth], noise, seeds, rng).max(axis=-1)
    # Five standard errors of a mean, and of a standard deviation.
    error = 5 * noise / np.sqrt(seeds)
    assert np.abs(finals.mean(axis=1) - drawn.TRUTHS[truth].gains).max() < error
    assert np.abs(finals.std(axis=1) - noise).max() < error / np.sqrt(2)


def test_the_best_so_far_is_last(bench):
    rng = np.random.default_rng(1)
    curves = bench.worlds.draw("digits", bench.worlds.TRUTHS["+2 but late"], 0.3, 50, rng)
    assert (np.diff(curves, axis=-1) >= 0).all()
    # A depth that starts late is behind at first, and gains two margins all the same.
    assert curves[4, :, 3].mean() < curves[0, :, 3].mean() - 1
    assert curves[4, :, -1].mean() > curves[0, :, -1].mean() + 1.5


@pytest.mark.parametrize("name", ["random", "bayes", "pareto", "halving"])
def test_where_only_depths_vary_what_tries_settings_is_the_grid(bench, name):
    curves = bench.worlds.draw(
        "line", bench.worlds.TRUTHS["flat"], 0.3, bench.simulate.SEEDS, np.random.default_rng(2)
    )
    assert bench.simulate.play(name, "line", curves) == bench.simulate.play("grid", "line", curves)


def test_words_that_ask_are_labelled_by_their_neighbours(bench, tmp_path):
    """But for the labels that are turned round; and no sum of a value of the word before and one of
    the word behind is above zero just where they differ."""
    bench.problems.write_between(tmp_path / "words", 400, 0)
    sentences = [
        [line.split("\t") for line in part.splitlines()]
        for part in (tmp_path / "words").read_text().strip().split("\n\n")
    ]
    assert {len(sentence) for sentence in sentences} == {bench.problems.WORDS}
    agreed: dict[bool, list[bool]] = {True: [], False: []}
    for sentence in sentences:
        bits = [word[0] == "b" for word, _ in sentence]
        for k, (word, label) in enumerate(sentence):
            asks = word.endswith("?")
            right = bits[k - 1] != bits[k + 1] if asks else bits[k]
            agreed[asks].append(right == (label == "yes"))
    share = len(agreed[True]) / sum(map(len, agreed.values()))
    assert share == pytest.approx(bench.problems.ASKED * 18 / 20, abs=0.02)
    for right in agreed.values():
        assert np.mean(right) == pytest.approx(1 - bench.problems.FLIPPED, abs=0.04)
    corners = [(before, behind) for before in (0, 1) for behind in (0, 1)]
    values = itertools.product(np.linspace(-1, 1, 9), repeat=4)
    correct = [
        sum((v[before] + v[2 + behind] > 0) == (before != behind) for before, behind in corners)
        for v in values
    ]
    assert max(correct) == 3


def test_the_grid_and_the_races_beside_it_come_first(bench):
    plan = bench.real._plan(["grid", "race", "rules"], ["line", "digits"], quick=False)
    names = [name for _, _, name in plan]
    count = 2 * bench.real.WITH_GRID
    assert names[: 2 * count] == ["grid", "race"] * count
    assert set(names[2 * count : -count]) == {"race"}
    assert names[-count:] == ["rules"] * count
    assert len(set(plan)) == len(plan)
    assert sum(name == "race" and q == "line" for q, _, name in plan) == 100
