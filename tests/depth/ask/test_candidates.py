"""Widths that make networks of different depth equal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_toy import Toy
from lamina.depth.ask.candidates import equal_parameters, equal_width, parse_count, parse_depths
from lamina.spec import LaminaError


def true_count(cell: str, depth: int, width) -> int:
    model = Toy().model(cell=cell, depth=depth, width=width)
    return sum(p.numel() for p in model.parameters())


@settings(max_examples=25, deadline=None)
@given(st.integers(60_000, 400_000), st.sampled_from(["rnn", "gru", "lstm"]))
def test_equal_parameters_is_within_one_percent_of_the_budget(budget, cell):
    for c in equal_parameters(Toy(), (1, 2, 3, 5), budget, cell=cell):
        assert c.parameters == true_count(cell, c.depth, c.width)
        assert abs(c.parameters - budget) <= 0.01 * budget


def test_equal_widths_are_preferred_and_the_nearest_is_taken():
    budget = true_count("gru", 2, 100)
    (candidate,) = equal_parameters(Toy(), (2,), budget + 3, cell="gru")
    assert candidate.width == 100


def test_uneven_widths_come_in_where_whole_units_are_too_coarse():
    low, high = true_count("gru", 3, 30), true_count("gru", 3, 31)
    budget = (low + high) // 2
    assert min(budget - low, high - budget) > 0.01 * budget
    (candidate,) = equal_parameters(Toy(), (3,), budget, cell="gru")
    assert isinstance(candidate.width, tuple)
    assert len(candidate.width) == 3
    assert abs(candidate.parameters - budget) <= 0.01 * budget


def test_a_budget_that_cannot_be_met_is_refused_with_one_that_can():
    words = r"1-layer .* 20,000 parameters .* 19,722 \(width 68\)"
    with pytest.raises(LaminaError, match=words) as e:
        equal_parameters(Toy(), (1, 2, 3), 20_000, cell="lstm")
    found = re.search(r"Take ([\d,]+) as the budget", str(e.value))
    assert found
    budget = int(found[1].replace(",", ""))
    assert abs(budget - 20_000) < 2_000
    assert len(equal_parameters(Toy(), (1, 2, 3), budget, cell="lstm")) == 3


def test_a_tiny_budget_is_refused():
    with pytest.raises(LaminaError, match="budget"):
        equal_parameters(Toy(), (1, 2, 5), 3)


def test_equal_width_counts_the_parameters():
    candidates = equal_width(Toy(), (3, 1, 3), 8, cell="lstm")
    assert [(c.depth, c.width) for c in candidates] == [(1, 8), (3, 8)]
    assert [c.parameters for c in candidates] == [true_count("lstm", d, 8) for d in (1, 3)]


@pytest.mark.parametrize(
    ("text", "count"),
    [("300k", 300_000), ("1.5M", 1_500_000), ("2e6", 2_000_000), ("1_000", 1000), (" 7 K ", 7000)],
)
def test_counts_are_read(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "-3", "0", "1.5.2M", "many", "3x", "0.0001"])
def test_other_counts_are_refused(text):
    with pytest.raises(LaminaError, match="300k"):
        parse_count(text)


@pytest.mark.parametrize(
    ("text", "depths"),
    [("1-5", (1, 2, 3, 4, 5)), ("4,1,2", (1, 2, 4)), ("3", (3,)), ("1-3, 2-4,8", (1, 2, 3, 4, 8))],
)
def test_depths_are_read(text, depths):
    assert parse_depths(text) == depths


@pytest.mark.parametrize("text", ["", "0-3", "3-1", "a", "1,,2", "1-", "-2", "1.5"])
def test_other_depths_are_refused(text):
    with pytest.raises(LaminaError, match="1-5"):
        parse_depths(text)
