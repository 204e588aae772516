"""Scores that say nothing about depth give no verdict."""

from __future__ import annotations

import math

import pytest

from lamina.depth.judge.decision import decide
from lamina.depth.judge.sense import FAR
from lamina.spec import ACCURACY
from lamina.tasks.forecast.task import MSE

NAN = math.nan


def verdict(values, metric=ACCURACY, baseline=None):
    utilities = {d: [metric.utility(v) for v in seeds] for d, seeds in values.items()}
    blind = None if baseline is None else metric.utility(baseline)
    return decide(utilities, metric.utility_gain(1.0), baseline=blind)


def test_equal_scores_no_better_than_without_a_network_give_no_verdict():
    found = verdict({1: [0.5, 0.5, 0.5], 2: [0.5, 0.5, NAN]}, baseline=0.5)
    assert (found.outcome, found.senseless) == ("none", "constant")
    assert (found.depth, found.more_seeds, found.between) == (None, None, ())
    assert found.shown == 1  # a model to use is kept, though no depth is recommended


@pytest.mark.parametrize(
    ("values", "baseline"),
    [
        ({1: [1.0, 1.0], 2: [1.0, 1.0]}, 0.5),  # perfect
        ({1: [0.5, 0.5], 2: [0.5, 0.505]}, 0.5),  # one run differs
        ({1: [0.5, 0.5], 2: [0.5, 0.5]}, None),  # nothing to compare with
        ({1: [0.5]}, 0.5),  # one run is constant by itself
    ],
)
def test_other_scores_are_judged(values, baseline):
    assert verdict(values, baseline=baseline).senseless is None
    assert verdict(values, baseline=baseline) == verdict(values)


def test_errors_far_above_those_without_a_network_give_no_verdict():
    factor = math.exp(FAR / 100)
    assert factor == pytest.approx(100)
    just, beyond = 0.99 * factor * 0.3, 1.01 * factor * 0.3
    good = verdict({1: [just, just], 2: [beyond, beyond]}, MSE, 0.3)
    assert good.senseless is None  # one depth makes sense, and the other loses to it
    assert good.depth == 1
    bad = verdict({1: [beyond, beyond * 1.1], 2: [beyond, NAN]}, MSE, 0.3)
    assert (bad.outcome, bad.senseless, bad.shown) == ("none", "far off", 1)
    lost = verdict({1: [NAN, NAN], 2: [beyond, beyond]}, MSE, 0.3)
    assert (lost.senseless, lost.shown) == ("far off", 2)


def test_beside_an_exact_answer_without_a_network_errors_are_judged():
    assert verdict({1: [1e-3, 1e-3], 2: [1e-3, 1.01e-3]}, MSE, 1e-7).senseless is None


def test_no_finite_score_is_divergence_not_nonsense():
    found = verdict({1: [NAN, NAN], 2: [NAN, NAN]}, baseline=0.5)
    assert (found.outcome, found.senseless) == ("none", None)
