"""What the studies of claims compute from scores and times, on figures whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import claim_03_layer_cost as layer_cost
import claim_04_convergence as convergence
import claim_05_wide_overfits as wide_overfits
import claim_06_one_point as one_point
import claim_12_gru as gru
from measured.results.intervals import Interval
from measured.training import Record


def test_time_is_fitted_by_its_law() -> None:
    grid = [(t, d) for t in (25, 100, 400) for d in (1, 2, 4)]
    product = [[0.3 * t * d * noise for noise in (1.0, 1.1)] for t, d in grid]
    powers, off = layer_cost.fit(product, grid)
    assert (powers["T"].mean, powers["L"].mean) == pytest.approx((1, 1))
    assert max(off.values()) < 1e-6
    words = [[2.0 + 1.5 * t + 0.3 * t * d] * 2 for t, d in grid]
    powers, off = layer_cost.fit(words, grid)
    assert powers["L"].mean < 0.4
    assert off["c T L"] > 40
    assert off["a + b T + c T L"] < 1e-6


def test_the_cost_of_a_layer_is_a_share_of_one() -> None:
    found = layer_cost.share([[10.0, 20.0], [13.0, 26.0], [16.0, 32.0]], (1, 2, 3))
    assert (found.mean, found.low, found.high) == pytest.approx((30, 30, 30))


def test_a_power_is_that_of_a_product() -> None:
    assert layer_cost.within(Interval(1.0, 0.95, 1.05, 5)) == "holds"
    assert layer_cost.within(Interval(1.0, 0.85, 1.15, 5)) == "open"
    assert layer_cost.within(Interval(0.8, 0.75, 0.85, 5)) == "fails"


def _record(values: list[float], metric: str) -> Record:
    history = [{"step": 100 * (k + 1), f"validation_{metric}": x} for k, x in enumerate(values)]
    steps = 100 * len(values)
    return Record(1, metric, max(values), 1, len(values), steps, 1.0, 1.0, {}, tuple(history))


def test_a_level_is_reached_between_evaluations() -> None:
    text, digits = convergence.COURSES.values()
    falling = _record([10.0, 8.0, 9.0, 6.0], "perplexity")
    assert convergence.first(falling, text, 9.0) == pytest.approx(150)
    assert convergence.first(falling, text, 7.0) == pytest.approx(300 + 100 * 2 / 3)
    assert convergence.first(falling, text, 11.0) == 100
    assert convergence.first(falling, text, 5.0) is None
    rising = _record([0.5, 0.7, 0.9], "accuracy")
    assert convergence.first(rising, digits, 0.8) == pytest.approx(250)
    found = convergence.reached([rising, _record([0.5, 0.6], "accuracy")], digits, 0.8)
    assert found.steps == pytest.approx((250, 200))
    assert not found.all


def test_who_never_gets_there_does_not_win() -> None:
    there, not_there = (convergence.Reached((1.0, 2.0), count) for count in (2, 1))
    less, more = Interval(30, 20, 40, 5), Interval(-30, -40, -20, 5)
    assert convergence.decided(less, there, not_there) == "holds"
    assert convergence.decided(less, not_there, there) == "open"
    assert convergence.decided(more, not_there, there) == "fails"
    assert convergence.decided(more, there, not_there) == "open"


def test_who_was_still_best_at_the_end_has_not_turned_sooner() -> None:
    setting = wide_overfits.Setting("surnames", 250, 0.0)
    later, sooner, none = Interval(30, 20, 40, 5), Interval(-30, -40, -20, 5), Interval(0, 0, 0, 5)

    def outcome(found: Interval, *turned: bool) -> str:
        wide, deep = turned
        return wide_overfits.Effect(setting, found, none, none, none, none, (wide, deep)).outcome

    assert outcome(later, True, False) == "holds"
    assert outcome(later, False, True) == "open"
    assert outcome(sooner, False, True) == "fails"
    assert outcome(sooner, True, False) == "open"
    assert outcome(none, True, True) == "open"


@pytest.mark.parametrize(
    ("scores", "depth"),
    [
        ((90.0, 92.0, 93.5, 93.6), 3),
        ((90.0, 91.0, 99.0, 99.0), 1),  # one point is not more than one
        ((90.0, 89.0, 99.0, 99.0), 1),  # it does not look beyond the first that brings less
        ((90.0, 92.0, 94.0, 96.0), 4),
    ],
)
def test_the_rule_walks_up(scores: tuple[float, ...], depth: int) -> None:
    assert one_point.walk(dict(enumerate(scores, start=1))) == depth


def test_a_setting_knows_the_right_depths() -> None:
    test = {1: (90.0, 92.0), 2: (93.2, 93.2), 3: (94.0, 94.2), 4: (94.1, 94.1)}
    one = one_point.Setting("digits", 0, test, test, 300)
    assert (one.best, one.enough) == (3, 2)  # of equals the shallowest
    assert one.loss(1) == pytest.approx(3.1)
    assert one_point.decided(one) is None


def test_hits_are_counted_by_setting() -> None:
    alone = one_point.hits([[2], [3], [1]], [2, 2, 1])
    assert alone.mean == pytest.approx(200 / 3)
    assert alone.high < 100  # exact
    several = one_point.hits([[2, 2], [3, 2]], [2, 2])
    assert (several.mean, several.low, several.high) == (75, 50, 100)


def test_a_gru_may_lose_less_than_the_margin() -> None:
    assert gru.as_well(Interval(-0.4, -0.9, 0.1, 5)) == "holds"
    assert gru.as_well(Interval(-0.4, -1.9, 1.1, 5)) == "open"
    assert gru.as_well(Interval(-3.0, -4.0, -1.1, 5)) == "fails"
    found = gru.faster([8.0, 4.0], [10.0, 5.0])
    assert (found.mean, found.low, found.high) == pytest.approx((20, 20, 20))


def test_the_gru_has_the_parameters_of_the_lstm() -> None:
    setting = dataclasses.replace(gru.SETTINGS["surnames"], model={"dropout": 0.3})
    found = gru.networks(setting, {"source": "digits"}, 64)
    sizes = {}
    for name, model in found.items():
        gates, width = (4 if model["cell"] == "lstm" else 3), model["width"]
        sizes[name] = gates * width * (8 + width + 2) + 10 * (width + 1)
    assert sizes[gru.EQUAL] == pytest.approx(sizes["LSTM"], rel=0.015)
    assert sizes[gru.SAME] < 0.8 * sizes["LSTM"]
    assert np.diff(sorted(model["width"] for model in found.values())).tolist()[0] == 0
