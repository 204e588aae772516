"""What it would take to be surer."""

from __future__ import annotations

import pytest

from lamina.depth.job import Job
from lamina.depth.plan.problem import Problem
from lamina.depth.tell.surer import seconds_per_seed, surer
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY


def problem(**changes) -> Problem:
    return Problem(depths=(1, 2), seeds=3, epochs=1, metric=ACCURACY, margin=1.0, **changes)


def trials(evidence, kind="train") -> list[Trial]:
    """A minute a layer and seed."""
    return [
        Trial(Job(depth=d, seed=s, kind=kind), 1, 0.9, 1, 1, 1, 60.0 * d, 1.0, 1.0)
        for d, utilities in evidence.items()
        for s in range(len(utilities))
    ]


def told(evidence, **changes) -> tuple[str, ...]:
    return surer(problem(**changes), evidence, 1, trials(evidence))


OPEN = {1: [90.0, 90.6, 89.4], 2: [91.2, 91.8, 90.6]}  # gains 1.2, spreads 0.6
CLEAR = {1: [90.0, 90.1, 89.9], 2: [90.2, 90.3, 90.1]}  # gains 0.2, spreads 0.1


def test_what_settles_an_open_verdict_is_told_with_its_time():
    wide = {1: [90.0, 90.4, 89.6], 2: [91.9, 92.3, 91.5]}  # gains 1.9, spreads 0.4
    found = problem().decide(wide)
    assert (found.outcome, found.more_seeds) == ("undecided", 2)
    # Two more of one and of two minutes; the last of two runs alone.
    (said,) = told(wide)
    assert "2 more seeds per depth" in said
    assert "about 6 min" in said
    (side,) = told(wide, parallel=2)
    assert "about 4 min, 2 side by side" in side


def test_nothing_is_promised_where_too_many_seeds_would_be_needed():
    assert problem().decide(OPEN).more_seeds is None
    (said,) = told(OPEN)
    assert "about 3 min" in said
    assert "--min-gain" in said


def test_a_clear_answer_is_asked_again_for_less_risk_and_for_half_the_gain():
    rarer, smaller = told(CLEAR)
    assert "At 2.5%" in rarer
    assert rarer.endswith("the answer is the same.")
    assert "0.5 points" in smaller
    assert smaller.endswith("the answer is the same.")
    # One layer is enough for a point, not for half of one.
    deeper = {1: [90.0, 90.04, 89.96], 2: [90.75, 90.79, 90.71]}
    assert told(deeper)[1].endswith("the answer is 2 layers.")
    nearer = {1: CLEAR[1], 2: [90.6, 90.7, 90.5]}
    assert "it would be undecided; settling it takes about" in told(nearer)[1]


def test_depths_that_were_trained_together_cost_one_training_a_seed():
    assert seconds_per_seed(trials({1: [0.0, 0.0], 2: [0.0]})) == (60.0, 120.0)
    assert seconds_per_seed(trials({5: [0.0, 0.0]}, kind="exits")) == (300.0,)


@pytest.mark.parametrize("evidence", [{1: [90.0, 91.0]}, {1: [float("nan")], 2: [float("nan")]}])
def test_without_another_depth_there_is_nothing_to_be_surer_of(evidence):
    assert told(evidence) == ()
