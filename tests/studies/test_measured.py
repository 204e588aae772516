"""What the studies rest on: kept work, intervals, and a page that says what was found."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from measured.data.tables import write_texts
from measured.jobs import Jobs
from measured.lab import Lab, keep
from measured.results import charts, page
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import (
    Interval,
    clustered,
    difference,
    judge,
    majority,
    mean,
    overall,
    paired,
    percent_less,
    percent_less_paired,
    share,
    telling,
)
from measured.timing import rounds
from measured.training import Training, train_and_score
from measured.tuning import learning_rates

ROOT = Path(__file__).parents[2]


def double(*, folder: Path, x: float) -> dict[str, Any]:
    with (folder.parent / "calls.txt").open("a") as calls:
        calls.write(f"{x}\n")
    if x < 0:
        raise ValueError("below 0")
    return {"twice": 2 * x}


@pytest.mark.parametrize("workers", [1, 2])
def test_work_is_done_once_and_goes_on_where_it_broke(tmp_path: Path, workers: int) -> None:
    jobs = Jobs(tmp_path, workers)
    with pytest.raises(ValueError, match="below 0"):
        jobs.run("some", double, [{"x": 1.0}, {"x": -1.0}])
    for _ in range(2):
        found, seconds = jobs.run("some", double, [{"x": 3.0}, {"x": 1.0}, {"x": 3.0}])
        assert [values["twice"] for values in found] == [6.0, 2.0, 6.0]
        assert len(seconds) == 2
        assert all(spent > 0 for spent in seconds.values())
    calls = (tmp_path / "calls.txt").read_text().split()
    assert calls.count("1.0") == 1
    assert calls.count("3.0") == 1


def test_a_training_is_its_arguments_and_leaves_a_record(tmp_path: Path) -> None:
    lab = Lab(tmp_path, 1, True)
    source = lab.source("classify", "imdb")
    data = {"source": source, "text": "text", "label": "label", "min_count": 1}
    runs = [Training("classify", data, {"width": 4}, {"epochs": 2}, seed) for seed in lab.seeds]
    found = lab.train({"all": runs, "first": runs[:1]})
    assert [len(records) for records in found.values()] == [2, 1]
    first, second = found["all"]
    assert first == found["first"][0]
    assert first.curve("train_loss") != second.curve("train_loss")
    assert first.metric == "accuracy"
    assert 0 <= first.tested <= 1
    assert first.validated == max(first.curve())
    assert len(first.history) == 2
    spent = lab.cpu_seconds
    assert spent > 0
    lab.train({"again": runs})
    assert lab.cpu_seconds == spent  # each is counted once
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]  # no weights stay


def test_a_training_that_diverges_is_a_record(tmp_path: Path) -> None:
    lab = Lab(tmp_path, 1, True)
    data = {"source": lab.source("forecast", "etth1"), "look_back": 24, "horizon": 4}
    settings = {"epochs": 1, "optimizer": "sgd", "lr": 1e30, "clip": None}
    (found,) = lab.train({"all": [Training("forecast", data, {"width": 4}, settings)]})["all"]
    assert found.value is None
    assert math.isnan(found.tested)


def test_a_training_is_scored_elsewhere_too(tmp_path: Path) -> None:
    lab = Lab(tmp_path, 1, True)
    data = {"source": lab.source("classify", "imdb"), "text": "text", "label": "label"}
    other = write_texts(tmp_path / "other.csv", ["red sun", "blue day"], ["good", "good"])
    swapped = write_texts(tmp_path / "swapped.csv", ["red sun", "blue day"], ["bad", "bad"])
    arguments = {
        **Training("classify", data, {"width": 4}, {"epochs": 1}).arguments(),
        "elsewhere": {"as it is": {"source": other}, "swapped": {"source": swapped}},
    }
    (found,) = lab.grouped("some", train_and_score, {"all": [arguments]})["all"]
    scores = [found["elsewhere"][name]["accuracy"] for name in ("as it is", "swapped")]
    assert sum(scores) == pytest.approx(1)


def test_intervals_are_those_of_the_books() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(3, 1, 5).tolist(), draw.normal(2, 2, 7).tolist()
    welch = stats.ttest_ind(a, b, equal_var=False)
    between, found = welch.confidence_interval(0.95), difference(a, b)
    assert found.low == pytest.approx(between.low)
    assert found.high == pytest.approx(between.high)
    assert found.count == 5
    alone = stats.ttest_1samp(a, 0).confidence_interval(0.95)
    assert (mean(a).low, mean(a).high) == pytest.approx((alone.low, alone.high))
    with_pairs = stats.ttest_rel(a, b[:5]).confidence_interval(0.95)
    found = paired(a, b[:5])
    assert (found.low, found.high) == pytest.approx((with_pairs.low, with_pairs.high))


def test_a_ratio_is_of_geometric_means() -> None:
    found = percent_less([90.0, 90.0], [100.0, 100.0])
    assert (found.mean, found.low, found.high) == pytest.approx((10.0, 10.0, 10.0))
    found = percent_less([80.0, 90.0, 85.0], [100.0, 110.0, 95.0])
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(100 * (1 - (80 * 90 * 85 / (100 * 110 * 95)) ** (1 / 3)))


def test_a_ratio_of_pairs_needs_no_logarithm() -> None:
    found = percent_less_paired([1.8, 3.6, 0.0], [2.0, 4.0, 0.0])  # in each pair a tenth less
    assert (found.mean, found.low, found.high) == pytest.approx((10.0, 10.0, 10.0))
    draw = np.random.default_rng(0)
    holds = 0
    for _ in range(400):
        level = draw.uniform(10, 30, 12)  # what pairs share
        second = level + draw.normal(0, 1, 12)
        found = percent_less_paired((0.8 * level + draw.normal(0, 1, 12)).tolist(), second.tolist())
        holds += found.low <= 20 <= found.high
    assert 0.92 <= holds / 400 <= 0.98
    unknown = percent_less_paired([1.0, 2.0], [0.0, 0.0])
    assert judge(unknown, 5) == "open"


def test_a_share_is_exact() -> None:
    found = share(9, 10)  # beta quantiles: Clopper and Pearson
    low, high = stats.beta.ppf(0.025, 9, 2), stats.beta.ppf(0.975, 10, 1)
    assert (found.mean, found.low, found.high) == pytest.approx((90, 100 * low, 100 * high))


def test_values_of_a_group_hang_together() -> None:
    draw = np.random.default_rng(0)
    groups = [[value] * 10 for value in draw.normal(size=40).tolist()]
    found, alone = clustered(groups), mean([group[0] for group in groups])
    assert found.mean == pytest.approx(alone.mean)
    assert found.low == pytest.approx(alone.low, abs=0.05)
    assert found.high == pytest.approx(alone.high, abs=0.05)
    assert found.count == 40
    uneven = clustered([[0.0], [1.0, 1.0, 1.0]])
    assert (uneven.mean, uneven.low, uneven.high) == (0.75, 0.0, 1.0)


def test_what_a_verdict_depends_on() -> None:
    names = ("the text", "the cell", "the width")
    by_cell = {
        (text, cell, "64"): "holds" if cell == "gru" else "fails"
        for text in ("a", "b")
        for cell in ("gru", "lstm")
    }
    assert telling(by_cell, names) == "the cell"
    assert telling({**by_cell, ("b", "gru", "64"): "fails"}, names) == "the text and the cell"
    assert telling({**by_cell, ("b", "gru", "64"): "open"}, names) == "the cell"
    apart = {("a", "gru", "64"): "holds", ("b", "lstm", "128"): "fails"}
    assert telling(apart, names) == "the text, the cell and the width"


def test_steps_are_timed_once_a_round(tmp_path: Path) -> None:
    lab = Lab(tmp_path, 1, True)
    data = {"source": "digits"}
    shapes = [{"data": data, "model": {"width": width}} for width in (4, 256)]
    found = rounds(lab, "classify", {"one": shapes, "other": shapes[:1]}, 3)
    assert [len(times) for times in found["one"]] == [len(lab.seeds)] * 2
    assert len(found["other"]) == 1
    assert all(ms > 0 for times in found["one"] for ms in times)
    assert rounds(lab, "classify", {"one": shapes}, 3)["one"] == found["one"]  # kept


def test_a_rate_is_chosen_for_each_side_on_validation(tmp_path: Path) -> None:
    lab = Lab(tmp_path, 1, True)

    def training(width: int, lr: float, seed: int) -> Training:
        settings = {"epochs": 2, "lr": lr}
        return Training("classify", {"source": "digits"}, {"width": width}, settings, seed)

    assert learning_rates(lab, (8, 16), (1e-6, 1e-2), training) == {8: 1e-2, 16: 1e-2}
    assert learning_rates(lab, (8,), (1e-6, 1e-2), training, lambda r: -r.validated) == {8: 1e-6}
    never = learning_rates(lab, (8,), (1e-2, 1e-6), training, lambda r: math.nan)
    assert never[8] == 1e-2  # the first of equal ones


@pytest.mark.parametrize(
    ("estimate", "outcome"),
    [
        (Interval(12, 9, 15, 5), "holds"),
        (Interval(12, -1, 25, 5), "open"),  # 0 is not excluded
        (Interval(8, 6, 11, 5), "open"),  # reaches there, and does not lie there
        (Interval(4, 2, 6, 5), "fails"),
        (Interval(20, 17, 23, 5), "fails"),
    ],
)
def test_a_claim_is_judged_by_its_range(estimate: Interval, outcome: str) -> None:
    assert judge(estimate, 10, 15) == outcome


def test_verdicts_over_settings() -> None:
    assert overall(["holds", "holds"], "x") == "holds here"
    assert overall(["holds", "fails", "open"], "the text") == "depends on the text"
    assert overall(["holds", "open"], "the text") == "holds here, as far as these seeds show"
    assert overall(["fails", "open"], "x") == "does not hold here"
    assert overall(["open"], "x").startswith("depends on more seeds")


def test_of_many_comparisons_a_few_say_nothing() -> None:
    assert majority(["holds", "holds", "open"]) == "holds"
    assert majority(["holds", "holds", "open", "fails"]) == "open"
    assert majority(["fails", "fails", "holds"]) == "fails"


def test_a_logarithmic_scale_is_named() -> None:
    rows = [{"x": x, "y": x} for x in (1, 10, 100)]
    drawn = charts.lines(rows, x="units", y="steps", kind="log", log=True)
    assert "units, log scale" in drawn
    assert "steps, log scale" in drawn


def test_a_chart_draws_every_series() -> None:
    rows = [
        {"panel": panel, "series": name, "x": x, "y": x + 1, "low": x, "high": x + 2}
        for panel in ("left", "right")
        for name in ("GRU", "LSTM")
        for x in (1, 2)
    ]
    drawn = charts.lines(rows, x="layers", y="score", series="cell")
    assert drawn.startswith("<svg")
    for text in ("GRU", "LSTM", "left", "right", "layers", "score"):
        assert text in drawn
    assert "stroke-dasharray" in drawn  # lines are told apart without colour too


def test_dots_are_named_in_their_order() -> None:
    rows = [
        {"panel": panel, "name": name, "x": x, "low": x - 1, "high": x + 1}
        for panel in ("score", "speed")
        for x, name in enumerate(("zebra", "ant", "mouse"))
    ]
    drawn = charts.dots(rows, x="points", at=0.0)
    assert drawn.count("stroke-dasharray") > charts.dots(rows, x="points").count("stroke-dasharray")
    assert 0 < drawn.index(">zebra<") < drawn.index(">ant<") < drawn.index(">mouse<")
    for text in ("score", "speed", "points"):
        assert text in drawn


def test_a_verdict_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="maybe"):
        Finding(verdict="maybe", because="", rule="", setting="", tables=(), seeds=5)


def test_the_page_holds_what_was_found(tmp_path: Path) -> None:
    claim = Claim(number=3, name="cost", title="A layer's cost", says="30%.", sources=("A book.",))
    table = Table(("depth", "ms"), (("1", "2.0"), ("2", "3.1")), "Steps")
    finding = Finding(
        verdict="depends on width",
        because="It was 55%.",
        rule="It holds from 20 to 40%.",
        setting="Small.",
        tables=(table,),
        seeds=5,
    )
    kept = keep(claim, finding, Lab(tmp_path, 1, False))
    assert kept.versions["torch"] == torch.__version__
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "03_cost.json").write_text(kept.encode())
    page.write(tmp_path)
    text = (tmp_path / "claims.md").read_text()
    assert "| 3 | [A layer's cost](#3-a-layers-cost) | **depends on width** |" in text
    assert "![A layer's cost](claims/03_cost.svg)" in text
    assert "| 2 | 3.1 |" in text
    assert "*Rule.* It holds from 20 to 40%." in text
    assert "claim_03_cost.py" in text
    assert re.search("^Not measured yet: .*claim_01_two_layers.py", text, re.MULTILINE)


def test_the_page_is_the_one_that_the_studies_made() -> None:
    docs = ROOT / "docs"
    kept = page.read(docs)
    assert (docs / "claims.md").read_text() == page.render(kept)
    for one in kept:
        assert one.finding.seeds >= 5
        assert (docs / "claims" / f"{one.claim.stem}.svg").read_text().startswith("<svg")
        assert (ROOT / "studies" / f"claim_{one.claim.stem}.py").exists()
