"""The rules by which studies turn figures into words."""

from __future__ import annotations

import pytest

from claim_08_mean_width import bears_out
from claim_10_translation import either, percent_more
from measured.results.effects import (
    Effects,
    effect_on_failures,
    effect_on_loss,
    effect_on_share,
    outcomes,
    told,
)
from measured.results.intervals import Interval


@pytest.mark.parametrize(
    ("treated", "effect"),
    [
        ([-0.5, -0.4, -0.6], "cures"),
        ([-4.0, -4.1, -3.9], "helps"),  # still less than a hundredth
        ([-6.0, -6.1, -5.9], "no help"),
        ([-9.0, -9.1, -8.9], "harms"),
        ([5.0, 5.1, 4.9], "harms"),  # it explodes instead
    ],
)
def test_a_cure_lets_the_gradient_arrive(treated: list[float], effect: str) -> None:
    assert effect_on_share([-6.0, -6.2, -5.8], treated) == effect


def test_who_is_not_ill_is_not_cured() -> None:
    assert effect_on_share([-0.1, 0.0, 0.1], [0.0, 0.1, 0.2]) == "not needed"
    assert effect_on_share([-0.1, 0.0, 0.1], [-5.0, -5.1, -4.9]) == "harms"
    assert effect_on_loss([0.5, 0.6, 0.4], [0.1, 0.1, 0.2], [0.5, 0.6, 0.4]) == "not needed"
    assert effect_on_failures(3, 0, 15) == "not needed"
    assert effect_on_failures(0, 12, 15) == "harms"


def test_a_deep_network_is_cured_where_depth_costs_nothing() -> None:
    deep, one = [2.0, 2.1, 1.9], [0.5, 0.6, 0.4]
    assert effect_on_loss(deep, [0.3, 0.4, 0.5], one) == "cures"
    assert effect_on_loss(deep, [1.0, 1.1, 0.9], one) == "helps"
    assert effect_on_loss(deep, [2.0, 2.1, 1.9], one) == "no help"
    assert effect_on_loss(deep, [3.0, 3.1, 2.9], one) == "harms"


def test_failures_are_counted() -> None:
    assert effect_on_failures(15, 1, 15) == "cures"
    assert effect_on_failures(15, 5, 15) == "helps"
    assert effect_on_failures(10, 9, 15) == "no help"
    assert effect_on_failures(10, 4, 15) == "no help"  # 0.033 on one side: not 5% on two


def test_only_what_is_claimed_is_judged() -> None:
    claimed = {"back in time": ("gates", "orthogonal"), "high rate": ("clipping",)}
    effects: Effects = {
        ("back in time", "gates", "GRU"): "cures",
        ("back in time", "gates", "LSTM"): "helps",
        ("back in time", "orthogonal", "GRU"): "not needed",
        ("back in time", "He", "GRU"): "no help",  # nobody says that it is a cure
        ("high rate", "clipping", "GRU"): "harms",
    }
    found = outcomes(effects, claimed)
    assert list(found.values()) == ["holds", "open", "fails"]
    assert ("back in time", "orthogonal", "GRU") not in found
    assert told(effects).startswith("Back in time: cures: gates (GRU); helps: gates (LSTM);")


def test_a_width_bears_the_rule_out() -> None:
    assert bears_out(Interval(0.2, -0.4, 0.8, 5), 1.0) == "holds"
    assert bears_out(Interval(4.0, 2.0, 6.0, 5), 1.0) == "fails"
    assert bears_out(Interval(0.8, 0.4, 1.2, 5), 1.0) == "open"


def test_a_sentence_that_can_be_read_in_two_ways() -> None:
    assert either("fails", "holds") == "holds"
    assert either("fails", "fails") == "fails"
    assert either("fails", "open") == "open"
    assert percent_more([33.0, 33.0], [30.0, 30.0]).mean == pytest.approx(10.0)
