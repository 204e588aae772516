"""What the verdict says, in every outcome."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lamina.depth.tell.table import show, size
from lamina.depth.tell.told import amount, gain_percent, score
from lamina.spec import ACCURACY, BLEU, PERPLEXITY, Metric
from lamina.tasks.forecast.task import MSE
from lamina.tasks.transcribe.task import WORD_ERROR_RATE
from verdict_maker import make_verdict
from verdict_prose import FILE, prose

NAN = math.nan
BITS = Metric("reward", higher_is_better=True, gain="relative")


def has(text: str, *facts: str) -> bool:
    """Whether a sentence says all of this; how it says it is in ``prose.txt``."""
    return all(fact in text for fact in facts)


def test_verdicts_read_as_in_the_file_of_prose():
    assert prose() == FILE.read_text(encoding="utf-8"), "see verdict_prose.py"


def test_the_chosen_depth_is_told_with_gain_bound_and_cost():
    verdict = make_verdict({1: [0.881, 0.884, 0.879], 2: [0.904, 0.907, 0.905], 3: [0.905] * 3})
    assert verdict.headline == "Use 2 layers."
    why, enough, about = verdict.reasons
    assert has(why, "from 1 to 2 layers", "accuracy", "2.4 points", "95% interval 1.9 to 2.9")
    assert has(enough, "third layer", "at most 0.3 points", "the 1 point", "1.4 times")
    assert has(about, "depths 1, 2 and 3", "64 units", "3 seeds", "2,500 validation examples")


def test_a_relative_metric_is_told_in_percent():
    verdict = make_verdict(
        {1: [7.1, 7.15, 7.08], 2: [6.5, 6.52, 6.47], 3: [6.48, 6.51, 6.5]}, metric=PERPLEXITY
    )
    assert has(verdict.reasons[0], "from 1 to 2 layers", "perplexity by 8.6% (")
    assert has(verdict.reasons[1], "at most 0.8%", "the 1%")


def test_undecided_names_the_seeds():
    verdict = make_verdict({1: [0.881, 0.884, 0.879], 2: [0.888, 0.893, 0.884]})
    more = verdict.decision.more_seeds
    assert verdict.headline == "Undecided between 1 and 2 layers."
    assert more is not None
    assert has(verdict.reasons[0], f"{more} more seeds", f"--seeds {3 + more}")
    assert has(verdict.reasons[1], "folder", "1 layer, seed 1.")
    assert has(verdict.reasons[3], "With 1 layer", "1.6 points of accuracy", "1 point")


def test_seeds_that_were_asked_for_and_not_run_are_not_asked_for_again():
    verdict = make_verdict({1: [0.881, 0.884, 0.879], 2: [0.888, 0.893, 0.884]}, looks=(30,))
    assert verdict.decision.more_seeds is not None
    assert has(verdict.reasons[0], "30", "--budget", "--strategy grid")
    assert "--seeds" not in verdict.reasons[0]


def test_too_near_to_be_told_apart_says_what_either_choice_costs():
    verdict = make_verdict({1: [0.881, 0.884, 0.879], 2: [0.891, 0.894, 0.889]})
    assert has(verdict.reasons[0], "threshold", "more than 30 more seeds")
    assert "With 1 layer" in verdict.reasons[3]
    assert has(verdict.reasons[4], "2 layers", "1.8 times")


@pytest.mark.parametrize(
    ("values", "headline", "facts"),
    [
        (
            {1: [0.8, 0.801, 0.802], 2: [0.9, 0.901, 0.902]},
            "Use 2 layers.",
            ("deepest", "--depths 2-5"),
        ),
        ({2: [0.8, 0.81]}, "2 layers, compared with no other depth.", ("enough",)),
        ({1: [0.8], 2: [0.9]}, "Undecided between 1 and 2 layers.", ("One seed", "chance")),
        (
            {1: [0.9, 0.901, 0.902], 2: [0.8, 0.801, 0.802]},
            "Use 1 layer.",
            ("second layer gains nothing", "1.8 times"),
        ),
        (
            {1: [0.8, 0.801, 0.802], 2: [0.9, NAN, 0.902]},
            "Use 2 layers.",
            ("Depth 2: 1 of 3 diverged", "1% to 91%", "95% interval"),
        ),
        (
            {1: [0.8, 0.801, 0.802], 2: [NAN, NAN, NAN]},
            "Use 1 layer: deeper is unstable.",
            ("2 layers, 3 of 3", "1 layer, 0 of 3"),
        ),
        (
            {1: [NAN, NAN, NAN], 2: [0.8, 0.801, 0.802]},
            "Use 2 layers.",
            ("1 layer, 3 of 3", "nothing to judge"),
        ),
        (
            {1: [0.8, 0.801, 0.802], 2: [0.8, 0.801, 0.4]},
            "Undecided between 1 and 2 layers.",
            ("2 layers, 1 of 3 seeds ended far below", "3 that get through"),
        ),
        ({1: [NAN], 2: [NAN]}, "No depth can be recommended", ("smaller learning rate",)),
        (
            {1: [0.881, 0.8812], 2: [0.887, 0.8872], 3: [0.892, 0.8922]},
            "Use 2 layers.",
            ("1 layer is too few", "from 1 to 3 layers", "accuracy by 1.1 points"),
        ),
    ],
)
def test_every_outcome_has_its_sentence(values, headline, facts):
    verdict = make_verdict(values)
    assert verdict.headline.startswith(headline)
    assert any(has(reason, *facts) for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("metric", "values", "told"),
    [
        (
            ACCURACY,
            {1: [0.90, 0.91], 2: [0.89, 0.90], 3: [0.88, 0.90]},
            "lowers accuracy by 1 point",
        ),
        (PERPLEXITY, {1: [6.4, 6.4001], 2: [6.5, 7.6]}, "raises perplexity by 9.8%"),
    ],
)
def test_a_loss_is_called_that_and_is_a_negative_gain_in_the_table(metric, values, told):
    verdict = make_verdict(values, metric=metric)
    assert verdict.decision.outcome == "undecided"
    gain = verdict.decision.gain(1, 2)
    assert gain is not None
    assert gain.low is not None
    assert gain.high is not None
    low, high = gain_percent(metric, gain.low), gain_percent(metric, gain.high)
    assert low < 0 < high
    within = f"95% interval of the gain: {low:.1f} to {high:.1f}".replace("-", "−")
    assert f"{told} ({within})." in str(verdict)
    assert f"[{low:.2f}, {high:.2f}]".replace("-", "−") in verdict.told().layer(2)


def test_a_bound_just_below_the_threshold_does_not_look_equal_to_it():
    verdict = make_verdict({1: [0.8, 0.8, 0.8], 2: [0.8097, 0.8097, 0.8097]})
    assert "at most 0.97 points, less than the 1 point" in verdict.reasons[0]


NOTHING = "No depth is clearly better than an answer without a network"


@pytest.mark.parametrize(
    ("metric", "values", "baseline", "said"),
    [
        (ACCURACY, {1: [0.50, 0.52, 0.48], 2: [0.53, 0.51, 0.49]}, 0.5, True),
        (ACCURACY, {1: [0.50, 0.52, 0.48], 2: [0.63, 0.61, 0.64]}, 0.5, False),
        (ACCURACY, {1: [0.504], 2: [0.505]}, 0.5, True),
        (ACCURACY, {1: [0.9], 2: [0.91]}, 0.5, False),
        (PERPLEXITY, {1: [20.0, 20.1], 2: [19.8, 20.2]}, 20.0, True),
        (PERPLEXITY, {1: [9.0, 9.01], 2: [9.02, 9.0]}, 20.0, False),
        (ACCURACY, {1: [0.5, NAN], 2: [NAN, NAN]}, 0.5, True),
        (ACCURACY, {1: [0.5, 0.5], 2: [0.5, 0.5]}, None, False),
    ],
)
def test_chance_level_is_called_that(metric, values, baseline, said):
    verdict = make_verdict(values, metric=metric, baseline=baseline)
    assert (NOTHING in str(verdict)) == said


def test_the_score_without_a_network_stands_under_the_table():
    console = Console(width=80)
    with console.capture() as capture:
        console.print(show(make_verdict({1: [0.8, 0.81]}, baseline=0.5)))
    told = "without a network: accuracy 50.00% (always the most frequent class)"
    assert told in capture.get()


def test_trainings_that_still_improved_at_the_end_are_said():
    values = {1: [0.8, 0.81], 2: [0.8, 0.81]}
    assert "still improving" in str(make_verdict(values, improving=True))
    assert "still improving" not in str(make_verdict(values))


def test_a_small_validation_part_is_said():
    verdict = make_verdict({1: [0.8, 0.81]}, checked=180)
    assert has(str(verdict), "small", "worth 0.6 points")
    assert "small" not in str(make_verdict({1: [0.8, 0.81]}, checked=2500))


@pytest.mark.parametrize(
    ("budget", "shown"), [(300_000, "300,000"), (1_240_000, "1,240,000"), (837, "840")]
)
def test_equal_sizes_are_told_as_a_round_number(budget, shown):
    verdict = make_verdict({1: [0.8, 0.81], 2: [0.8, 0.81]}, budget=budget)
    assert f"with about {shown} parameters at every depth" in str(verdict)


def test_a_step_that_is_no_longer_is_not_mentioned():
    for second in (0.7, 0.802, 0.809):
        verdict = make_verdict({1: [0.8, 0.801, 0.802], 2: [second] * 3}, step_ms=5.0)
        assert "training step" not in str(verdict)


@given(st.floats(0.01, 50), st.sampled_from([ACCURACY, PERPLEXITY, BITS]))
def test_gain_percent_undoes_utility_gain(percent, metric):
    assert gain_percent(metric, metric.utility_gain(percent)) == pytest.approx(percent)


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        (ACCURACY, 0.91428, "91.43%"),
        (PERPLEXITY, 6.8321, "6.832"),
        (MSE, 0.1, "0.100"),
        (MSE, 0.02768, "0.0277"),
        (MSE, 0.0004321, "0.000432"),
        (MSE, 0.000001, "0.00000100"),
        (MSE, 5e-7, "0.000"),
        (MSE, -0.0277, "-0.0277"),
        (MSE, 0.0, "0.000"),
        (MSE, math.inf, "inf"),
        (MSE, NAN, "nan"),
    ],
)
def test_small_errors_are_shown_to_three_figures(metric, value, shown):
    assert metric.show(value) == shown


def test_a_spread_has_as_many_decimals_as_its_score():
    trials = make_verdict({1: [0.0271, 0.0275, 0.0279]}, metric=MSE).trials
    assert score(MSE, trials) == "0.0275 ± 0.0004 (3)"


def test_amounts():
    shown = [amount(ACCURACY, x) for x in (1, 2.34, 0.04, -0.5, 0, 10)]
    assert shown == ["1 point", "2.3 points", "0.04 points", "−0.5 points", "0 points", "10 points"]
    assert amount(PERPLEXITY, 0.999, apart_from=1.0) == "1%"
    assert [size(x) for x in (12, 9_876, 123_456_789, 2_500_000_000_000)] == [
        "12 B",
        "9.88 kB",
        "123 MB",
        "2500 GB",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {d: [0.881 + d / 1000, 0.884, NAN if d == 4 else 0.87] for d in range(1, 6)},
        {1: [0.8], 2: [0.9]},
    ],
)
def test_the_table_fits_eighty_columns_and_marks_the_choice(values):
    verdict = make_verdict(values)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(show(verdict))
    lines = capture.get().splitlines()
    assert "…" not in capture.get()
    rows = lines[1 : 1 + len(values)]
    marked = [row.strip().startswith("▸") for row in rows]
    assert marked == [d == verdict.depth for d in values]
    assert verdict.headline in capture.get()


def test_a_gain_of_nothing_is_no_improvement():
    verdict = make_verdict({1: [0.5, 0.9], 2: [0.5, 0.9]})
    assert has(str(verdict), "from 1 to 2 layers", "accuracy unchanged (")
    assert "improves" not in str(verdict)


def test_only_of_an_accuracy_it_is_known_what_an_example_is_worth():
    verdict = make_verdict({1: [0.3, 0.31]}, metric=BLEU, checked=180)
    assert "small: 180 examples." in str(verdict)
    assert "is worth" not in str(verdict)


def test_no_number_of_a_wide_table_is_cut():
    console = Console(width=80)
    values = {1: [0.6250, 0.2963], 2: [0.2222, 0.0741]}
    with console.capture() as capture:
        console.print(show(make_verdict(values, budget=123_456)))
    table = capture.get()
    assert "\N{HORIZONTAL ELLIPSIS}" not in table
    for number in ("123,455", "123,454", "46.06% ± 23.24", "\N{MINUS SIGN}31.25", "1.8 MB"):
        assert number in table


@pytest.mark.parametrize("baseline", [0.0, 1e-300])
def test_an_error_of_nothing_can_be_compared_with(baseline):
    verdict = make_verdict({1: [0.02, 0.03], 2: [0.0, 0.04]}, metric=MSE, baseline=baseline)
    assert "No depth is clearly better than an answer without a network (0.000)" in str(verdict)


SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4)


@given(SHARES, SHARES, st.sampled_from([ACCURACY, WORD_ERROR_RATE]))
def test_intervals_of_gains_stay_within_what_scores_can_be(shallow, deep, metric):
    told = make_verdict({1: shallow, 2: deep}, metric=metric).told()
    for gain in told.gains:
        if not gain.bounded:
            continue
        low, high = (
            float(end) for end in gain.cell.replace("−", "-").split("[")[1][:-1].split(",")
        )
        found = told.decision.gain(1, 2)
        assert low <= round(gain.gain, 2) <= high
        if metric is ACCURACY:
            assert -100 <= low <= high <= 100
        else:
            own = told.decision.score(1).low
            # An error rate cannot fall below 0; what was open stays open.
            assert high <= max(-own, found.needs) + 0.01 if own is not None else True
        if found.side == "open" and found.low <= found.needs <= found.high:
            assert low - 0.01 <= found.needs <= high + 0.01


def test_a_loss_of_more_than_tenfold_is_only_named():
    told = make_verdict({1: [1.0, 1.1, 0.9], 2: [30.0, 1e6, 2.0]}, metric=MSE).told()
    (gain,) = told.gains
    assert "below −1000 to 100.0" in gain.interval
    assert "[below −1000," in gain.cell
