"""The decision rule: laws, corner cases, and error rates in a small simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from lamina.depth.judge.decision import decide
from lamina.depth.judge.evidence import (
    ENOUGH,
    OPEN,
    TOO_SHALLOW,
    WIDE_LEVEL,
    Claims,
    choose,
    gain_errors,
    half_width,
    look_level,
    mean_errors,
    summarise,
    verdicts,
    wide,
)
from lamina.depth.judge.failures import fails_more, rate_interval, stuck
from lamina.depth.judge.outcome import Decision
from lamina.spec import LaminaError

NAN = math.nan

score = st.integers(-400, 400).map(lambda k: k / 8)  # exact in binary: sums lose nothing
searches = st.integers(1, 5).flatmap(
    lambda n: st.dictionaries(
        st.integers(1, 6), st.lists(score, min_size=n, max_size=n), min_size=1, max_size=5
    )
)


def answer(decision: Decision) -> tuple:
    return decision.outcome, decision.depth, decision.between, decision.more_seeds


@given(searches)
def test_the_verdict_is_a_given_depth_or_undecided(x):
    decision = decide(x, 1.0)
    if decision.outcome == "use":
        assert decision.depth in x
        assert decision.between == ()
    else:
        assert decision.outcome == "undecided"
        assert decision.depth is None
        assert len(decision.between) >= 2
        assert set(decision.between) <= set(x)
    assert decision.shown in x
    assert [s.depth for s in decision.scores] == sorted(x)


@given(searches, st.integers(-1000, 1000))
def test_adding_a_constant_to_all_scores_changes_nothing(x, constant):
    moved = {d: [u + constant for u in us] for d, us in x.items()}
    assert answer(decide(moved, 1.0)) == answer(decide(x, 1.0))


@given(searches, st.randoms())
def test_the_order_of_seeds_changes_nothing(x, random):
    shuffled = {d: random.sample(us, len(us)) for d, us in x.items()}
    assert answer(decide(shuffled, 1.0)) == answer(decide(x, 1.0))


@given(searches, st.integers(-4, 6))
def test_scaling_scores_and_margin_together_changes_nothing(x, power):
    scale = 2.0**power
    scaled = {d: [u * scale for u in us] for d, us in x.items()}
    assert answer(decide(scaled, scale)) == answer(decide(x, 1.0))


@given(st.integers(2, 6), st.integers(0, 5), st.integers(0, 2**31))
def test_a_depth_that_dominates_wins(K, best, seed):
    assume(best < K)
    rng = np.random.default_rng(seed)
    x = {d + 1: (100.0 * (d == best) + rng.uniform(-1, 1, 3)).tolist() for d in range(K)}
    decision = decide(x, 1.0)
    assert (decision.outcome, decision.depth) == ("use", best + 1)


@settings(max_examples=30)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=5), st.integers(0, 2**31))
def test_many_seeds_and_clear_gaps_give_the_right_depth(means, seed):
    # Gaps are multiples of two margins: never near the threshold.
    rng = np.random.default_rng(seed)
    x = {d: (2.0 * m + 0.5 * rng.standard_normal(400)).tolist() for d, m in enumerate(means, 1)}
    right = next(d for d, m in enumerate(means, 1) if all(2 * (e - m) < 1 for e in means[d:]))
    assert decide(x, 1.0).depth == right


def test_one_seed_decides_nothing_and_asks_for_three():
    decision = decide({1: [90.0], 2: [99.0], 3: [90.0]}, 1.0)
    assert decision.outcome == "undecided"
    assert decision.between == (1, 2, 3)
    assert decision.more_seeds == 2
    assert decision.score(1).low is None
    gain = decision.gain(1, 2)
    assert gain is not None
    assert (gain.gain, gain.low, gain.side) == (9.0, None, "open")


def test_one_depth_is_the_answer():
    assert decide({3: [90.0, 91.0]}, 1.0).depth == 3
    assert decide({3: [90.0]}, 1.0).depth == 3


def test_without_spread_the_numbers_stand_for_themselves():
    assert decide({1: [50.0] * 3, 2: [51.0] * 3}, 1.0).depth == 2
    assert decide({1: [50.0] * 3, 2: [50.9] * 3}, 1.0).depth == 1
    assert decide({1: [92.1] * 3, 2: [92.1] * 3, 3: [92.1] * 3}, 1.0).depth == 1


def test_a_gain_of_the_margin_counts_in_spite_of_rounding():
    assert decide({1: [0.1] * 3, 2: [0.1 + 0.2 + 0.7] * 3}, 0.9).depth == 2


def test_a_diverged_seed_is_a_failure_and_the_others_are_judged():
    decision = decide({1: [90, 90.1, 90.2], 2: [99.0, 99.1, NAN], 3: [90.1, 90.0, 90.2]}, 1.0)
    assert decision.depth == 2
    score = decision.score(2)
    assert (score.diverged, score.stuck, score.mean) == (1, 0, pytest.approx(99.05))
    assert score.fails_low == pytest.approx(0.0084, abs=1e-4)
    assert score.fails_high == pytest.approx(0.9057, abs=1e-4)
    assert decide({1: [-math.inf, NAN], 2: [0.0, 0.1]}, 1.0).depth == 2


def test_a_deeper_one_that_fails_more_often_loses_whatever_it_scores():
    decision = decide({1: [90.0, 90.1, 90.2] * 2, 2: [99.0] + [NAN] * 5}, 1.0)
    assert (decision.depth, decision.unstable) == (1, (2,))
    assert decide({1: [90.0, 90.1, 90.2] * 2, 2: [99.0] * 5 + [NAN]}, 1.0).depth == 2


def test_a_shallower_one_that_fails_more_often_is_passed_over():
    decision = decide({1: [90.0] + [NAN] * 5, 2: [90.0, 90.1, 90.2] * 2}, 1.0)
    assert decision.depth == 2
    assert (decision.walk[0].found, decision.walk[0].by) == ("unstable", 2)
    # Not where that costs more of the score than the margin.
    assert decide({1: [90.0] + [NAN] * 5, 2: [80.0, 80.1, 80.2] * 2}, 1.0).depth == 1


def test_stuck_seeds_need_three_others_to_judge_by():
    good = [90.0, 90.1, 90.2]
    decision = decide({1: [90.0, 90.2, 60.0], 2: good}, 1.0)
    assert (decision.outcome, decision.more_seeds) == ("undecided", 1)
    assert decision.score(1).stuck == 1
    assert decision.score(1).mean == pytest.approx(90.1)
    assert decide({1: [*good, 60.0], 2: [*good, 90.1]}, 1.0).depth == 1


def test_no_seed_that_got_through_is_no_answer():
    decision = decide({1: [NAN, NAN], 2: [NAN, NAN]}, 1.0)
    assert decision.outcome == "none"
    assert decision.shown is None
    assert decision.score(2).mean is None
    assert decide({1: [1.0, NAN], 2: [NAN, NAN]}, 1.0).depth == 1


def test_a_price_of_layers_is_asked_beyond_the_margin():
    x = {1: [90.0, 90.1, 89.9], 2: [91.4, 91.5, 91.3], 3: [94.0, 94.1, 93.9]}
    assert decide(x, 1.0).depth == 3
    assert decide(x, 1.0, cost_per_layer=1.0).depth == 3  # 4.0 against 1 + 2
    decision = decide(x, 1.0, cost_per_layer=2.0)  # against 5
    assert decision.depth == 1
    gain = decision.gain(1, 3)
    assert gain is not None
    assert (gain.gain, gain.needs, gain.side) == (pytest.approx(4.0), 5.0, "below")


def test_two_seeds_far_apart_are_not_cut():
    assert decide({1: [90.0, 90.1], 2: [90.0, 60.0]}, 1.0).score(2).stuck == 0


def test_every_look_is_stricter_and_all_stay_within_alpha():
    levels = [look_level(0.05, k) for k in range(1, 200)]
    assert levels[0] == 0.025
    assert levels == sorted(levels, reverse=True)
    assert sum(levels) < 0.05
    x = {1: [90.0, 90.1, 90.2], 2: [90.2, 90.4, 90.6]}
    assert decide(x, 1.0).depth == 1
    assert decide(x, 1.0, look=8).outcome == "undecided"


def test_the_tests_of_rates_have_their_known_values():
    assert rate_interval(0, 10, 0.025) == (0.0, pytest.approx(0.3085, abs=1e-4))
    low, high = rate_interval(2, 10, 0.025)
    assert (low, high) == (pytest.approx(0.0252, abs=1e-4), pytest.approx(0.5561, abs=1e-4))
    for a, n, b, m in ((0, 3, 3, 3), (0, 5, 4, 5), (1, 10, 6, 10), (0, 3, 4, 5)):
        other = stats.boschloo_exact([[b, a], [m - b, n - a]], alternative="greater").pvalue
        p = fails_more(np.array([a, b]), np.array([n, m]))
        assert p[0, 1] == pytest.approx(other, abs=1e-4)
        assert p[1, 0] > 0.5


def test_normal_noise_is_hardly_ever_cut_and_stuck_seeds_are():
    rng = np.random.default_rng(0)
    x = 0.6 * rng.standard_normal((500, 5, 5))
    assert stuck(x, 1.0).any(axis=(1, 2)).mean() < 0.01
    down = rng.random(x.shape) < 0.2
    found = stuck(np.where(down, x - 10, x), 1.0)
    mixed = down.any(axis=1) & ~down.all(axis=1)
    assert (found == down).all(axis=1)[mixed].mean() > 0.95


def test_the_walk_says_why():
    decision = decide({1: [80.0, 80.2, 80.1], 2: [85.0, 85.1, 85.2], 3: [85.2, 85.1, 85.0]}, 1.0)
    assert [(s.depth, s.found) for s in decision.walk] == [(1, "too shallow"), (2, "enough")]
    gain = decision.gain(1, 2)
    assert gain is not None
    assert gain.side == "above"
    assert gain.low is not None
    assert 1 < gain.low < 5 < gain.high  # type: ignore[operator]


def test_undecided_names_the_seeds_that_would_settle_it():
    x = {1: [90.0, 90.6, 89.4], 2: [90.2, 90.9, 89.5]}
    decision = decide(x, 1.0)
    assert decision.between == (1, 2)
    more = decision.more_seeds
    assert more is not None

    def settled(seeds: int) -> bool:  # the same means and variances with more seeds
        sample = summarise(np.array([x[1], x[2]]).T, np.array([3, 3]), 1.0)
        return bool(choose(sample.with_more(seeds - 3), 1.0, look_level(0.05, 2)) >= 0)

    assert settled(3 + more)
    assert not settled(3 + more - 1)


def test_a_gain_at_the_threshold_cannot_be_told_apart():
    decision = decide({1: [90.0, 91.0, 92.0], 2: [91.0, 92.0, 93.0]}, 1.0)
    assert decision.outcome == "undecided"
    assert decision.more_seeds is None


def judged(beats: np.ndarray, falls_short: np.ndarray) -> list[int]:
    found = Claims(beats, falls_short, np.ones((3, 3)), (beats, falls_short))
    return verdicts(found, np.full(3, 3), 0.025).tolist()


def test_a_depth_is_enough_only_when_every_deeper_one_falls_short():
    beats = np.full((3, 3), 0.9)
    falls_short = np.array([[1.0, 0.01, 0.20], [1.0, 1.0, 0.01], [1.0, 1.0, 1.0]])
    assert judged(beats, falls_short) == [OPEN, ENOUGH, ENOUGH]
    falls_short[0, 2] = 0.02
    assert judged(beats, falls_short) == [ENOUGH, ENOUGH, ENOUGH]


def test_a_depth_is_too_shallow_by_the_test_of_simes():
    falls_short = np.full((3, 3), 0.9)
    one, both, none = ([0.012, 0.5], [0.024, 0.025], [0.024, 0.5])  # of two: 2 * 0.012 <= 0.025
    for p, found in ((one, TOO_SHALLOW), (both, TOO_SHALLOW), (none, OPEN)):
        beats = np.full((3, 3), 0.9)
        beats[0, 1:] = p
        assert judged(beats, falls_short)[0] == found


def test_many_seeds_give_the_intervals_of_welch_and_student():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 2000), rng.normal(0, 3, 2000)
    variance = np.array([a.var(ddof=1), b.var(ddof=1)])
    error, dof = gain_errors(variance, np.full(2, 2000))
    welch = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert half_width(error, dof, 0.025)[0, 1] == pytest.approx(
        (welch.high - welch.low) / 2, rel=0.01
    )
    error, dof = mean_errors(variance, np.full(2, 2000))
    student = stats.t.ppf(0.975, 1999) * np.sqrt(variance / 2000)
    assert half_width(error, dof, 0.025) == pytest.approx(student, rel=0.01)


def test_equal_variances_are_shared_between_depths():
    # Five depths of three seeds, all with variance 4: a t interval with nearly all their freedom.
    error, dof = gain_errors(np.full(5, 4.0), np.full(5, 3))
    assert error[0, 1] == pytest.approx(np.sqrt(4 * 2 / 3))
    assert 4 < dof[0, 1] < 10


@pytest.mark.parametrize(
    ("truth", "right"), [((0, 0, 0, 0, 0), 0), ((0, 2, 2, 2, 2), 1), ((0, 1, 1, 1, 1), None)]
)
@pytest.mark.parametrize("spread", [(1, 1, 1, 1, 1), (1, 1.5, 2, 2.5, 3)])
def test_verdicts_err_seldom(truth, right, spread):
    searches, n = 2000, 3
    x = np.random.default_rng(0).standard_normal((searches, n, 5))
    x = np.array(truth) + 0.4 * np.array(spread) * x
    chosen = choose(summarise(x, np.full(5, n), 1.0), 1.0, 0.025)
    # At the margin depths 1 and 2 are both defensible to one promise each: deeper is too deep,
    # and so is 2 by the first promise; the level is 2.5% with room for three standard errors.
    wrong = (chosen > 0) if right is None else (chosen >= 0) & (chosen != right)
    assert wrong.mean() < 0.025 + 3 * math.sqrt(0.025 / searches)


@pytest.mark.parametrize(
    ("x", "margin", "alpha", "words"),
    [
        ({}, 1.0, 0.05, "no depths"),
        ({1: []}, 1.0, 0.05, "no scores"),
        ({1: [1.0]}, 0.0, 0.05, "more than 0"),
        ({1: [1.0]}, NAN, 0.05, "more than 0"),
        ({1: [1.0]}, 1.0, 0.7, "alpha"),
    ],
)
def test_what_cannot_be_decided_is_refused(x, margin, alpha, words):
    with pytest.raises(LaminaError, match=words):
        decide(x, margin, alpha=alpha)


def test_coarse_scores_that_agree_are_no_certainty():
    equal = {1: [95.0] * 3, 2: [95.0] * 3}
    assert decide(equal, 1.0).depth == 1
    assert decide(equal, 1.0, resolution=5.0).outcome == "undecided"
    assert decide(equal, 1.0, resolution=0.1).depth == 1
    noisy = {1: [90.0, 93.0, 91.0], 2: [97.0, 95.0, 96.0]}
    assert decide(noisy, 1.0, resolution=0.3) == decide(noisy, 1.0)


def test_depths_that_spread_much_more_lend_nothing_to_those_that_do_not():
    """Two very deep networks, one wider than the other: the second hides behind the first."""
    few = np.array([0.01, 0.012, 0.009, 1.0, 30.0])
    count = np.full(5, 5)
    assert wide(few, count).tolist() == [False, False, False, True, True]
    errors, _ = gain_errors(few, count)
    alone, _ = gain_errors(few[:3], count[:3])
    np.testing.assert_allclose(errors[:3, :3], alone)
    assert errors[0, 4] == pytest.approx(np.sqrt(30.0 / 5 + alone[0, 1] ** 2 / 2), rel=1e-3)


def test_alike_depths_are_seldom_called_wide():
    draws = np.random.default_rng(0).normal(size=(4000, 5, 5)).var(axis=1, ddof=1)
    most = 5 * WIDE_LEVEL  # Bonferroni: a second is looked for only where there is a first
    found = wide(draws, np.full((4000, 5), 5)).any(axis=-1).mean()
    assert found < most + 4 * math.sqrt(most * (1 - most) / 4000)
