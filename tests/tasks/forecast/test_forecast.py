"""Forecasting: windows without leaks, the laws of the schemes, scores by hand, what a run keeps."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lamina.spec import LaminaError, Reports, Tabular, Task
from lamina.tasks import Forecast, load, reopen
from lamina.tasks.forecast.schemes import SCHEMES, fitting_segment
from lamina.train import Silent, evaluate, fit
from laws import EXACT

START = datetime(2024, 1, 1)
SMALL = {"look_back": 12, "horizon": 6, "batch_size": 16}
NET = {"depth": 1, "width": 8}
SEGMENTS = {"scheme": "segments", "segment": 4}


def net(scheme: str) -> dict[str, Any]:
    """A small network of this scheme."""
    return {**NET, **(SEGMENTS if scheme == "segments" else {"scheme": scheme})}


def rows(count: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    """``(count, 3)``: two series with a season of 24 steps, and a covariate that tells of them."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)
    promotion = (rng.random(count) < 0.2).astype(float)
    sales = 10 + 3 * np.sin(2 * np.pi * t / 24) + 5 * promotion + rng.normal(size=count) / 10
    return np.stack([sales + shift, 200 + 20 * np.cos(2 * np.pi * t / 24), promotion], axis=1)


def lines(values: np.ndarray, before: str = "") -> list[str]:
    stamps = [START + timedelta(hours=i) for i in range(len(values))]
    return [
        f"{stamp},{before}{a:.6f},{b:.6f},{c:g}"
        for stamp, (a, b, c) in zip(stamps, values, strict=True)
    ]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    file = tmp_path / "wide.csv"
    file.write_text("\n".join(["date,sales,heat,promotion", *lines(rows(200))]) + "\n")
    return file


@pytest.fixture
def long(tmp_path: Path) -> Path:
    file = tmp_path / "long.csv"
    body = [*lines(rows(150, 1), "a,"), *lines(rows(180, 2, shift=1000), "b,")]
    file.write_text("\n".join(["date,shop,sales,heat,promotion", *body]) + "\n")
    return file


def test_windows_are_views_that_stay_in_their_part(wide: Path) -> None:
    task = Forecast(wide, covariates=("promotion",), rows=(100, 40, 50), **SMALL)
    assert isinstance(task, Task)
    assert isinstance(task, Reports)
    scaled = task.rows.numpy()
    mean, scale = rows(200)[:100].mean(axis=0), rows(200)[:100].std(axis=0)
    np.testing.assert_allclose(scaled, (rows(200) - mean) / scale, atol=1e-4)
    bounds = {"train": (0, 100), "validation": (100, 140), "test": (140, 190)}
    for part, (low, high) in bounds.items():
        batches = task.batches(part)  # type: ignore[arg-type]
        assert batches._windows.data_ptr() == task.rows.data_ptr()  # type: ignore[attr-defined]
        seen = set()
        for batch in batches:
            for b in range(batch.inputs.shape[1]):
                start = int(task.starts[part][batch.index[b]])  # type: ignore
                seen.add(start)
                np.testing.assert_array_equal(batch.inputs[:, b], scaled[start - 12 : start])
                np.testing.assert_array_equal(batch.targets[:, b], scaled[start : start + 6, :2])
                np.testing.assert_array_equal(batch.future[:, b], scaled[start : start + 6, 2:])
        assert seen == set(range(max(low, 12), high - 6 + 1))
    assert [b.index.tolist() for b in task.batches("train")] != [  # type: ignore
        b.index.tolist()
        for b in task.batches("train", epoch=1)  # type: ignore
    ]


def test_nothing_of_later_parts_reaches_training(wide: Path) -> None:
    before = Forecast(wide, rows=(100, 40, 60), **SMALL)
    text = wide.read_text().splitlines()
    text[101:] = [line.replace(",", ",9") for line in text[101:]]
    wide.write_text("\n".join(text))
    after = Forecast(wide, rows=(100, 40, 60), **SMALL)
    for a, b in zip(before.batches("train"), after.batches("train"), strict=True):
        assert torch.equal(a.inputs, b.inputs)
        assert torch.equal(a.targets, b.targets)
    assert before.scale.to_json() == after.scale.to_json()
    assert before.baseline() != after.baseline()


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ({"fractions": (0.5, 0.25, 0.25)}, [83, 45, 45]),
        ({"rows": (100, 40, 0)}, [83, 35, 0]),
        ({"dates": ("2024-01-05", "2024-01-06 12:00:00")}, [79, 31, 63]),
    ],
)
def test_parts_by_time(wide: Path, split: dict[str, Any], sizes: list[int]) -> None:
    task = Forecast(wide, **split, **SMALL)
    assert list(task.config()["sizes"].values()) == sizes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": (100, 100, 100)}, "together 300; there are 200"),
        ({"rows": (100, 5, 50)}, "validation has 5 of 200 rows; one window needs 6"),
        ({"rows": (10, 50, 50)}, "train has 10 of 200 rows; one window needs 18"),
        ({"rows": (100, 50, 50), "dates": ("2024-01-05", "2024-01-06")}, "one of the two"),
        ({"dates": ("soon", "2024-01-06")}, "dates is 'soon'"),
        ({"dates": ("2024-01-06", "2024-01-05")}, "validation to begin before test"),
        ({"dates": ("2024-01-06", "2030-01-01")}, "and the last time is 2024-01-09 07:00:00; need"),
        ({"loss": "quantile", "quantiles": (0.1, 0.9)}, "0.5 among them"),
        ({"quantiles": (0.5, 0.1)}, "ascending"),
        ({"quantiles": (0.2, 0.5)}, "need loss='quantile'"),
        ({"horizon": 0}, "horizon is 0"),
        ({"fractions": (0.5, 0.5, 0.5)}, "together 1"),
    ],
)
def test_refusals(wide: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        Forecast(wide, **{**SMALL, **changes})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "segments", "segment": 5}, "divides look_back"),
        ({"scheme": "segments", "bidirectional": True}, "forwards only"),
        ({"scheme": "recursive", "bidirectional": True}, "forwards only"),
        ({"segment": 0}, "segment is 0"),
    ],
)
def test_refused_shapes(wide: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        Forecast(wide, **SMALL).model(**options)


@pytest.mark.parametrize(
    ("look_back", "segment"),
    [(96, 24), (24, 24), (720, 24), (200, 20), (100, 20), (28, 7), (7, 1), (6, 1), (2, 1)],
)
def test_a_look_back_of_any_length_has_segments(wide: Path, look_back: int, segment: int) -> None:
    assert fitting_segment(look_back) == segment


def test_what_is_saved_says_how_long_a_segment_is(wide: Path) -> None:
    model = Forecast(wide, **SMALL).model()
    assert model.config()["options"]["segment"] == fitting_segment(SMALL["look_back"])
    assert Forecast(wide, **SMALL).model(scheme="direct").config()["options"]["segment"] is None


# -- schemes


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("quantiles", [False, True])
def test_a_batch_equals_its_members_alone(long: Path, scheme: str, quantiles: bool) -> None:
    task = Forecast(
        long,
        id="shop",
        covariates=("promotion",),
        calendar=("hour",),
        loss="quantile" if quantiles else "mse",
        **SMALL,
    )
    torch.manual_seed(0)
    model = task.model(**net(scheme)).double().eval()
    batch = task.batches("train")[0]
    inputs, future, series = (
        batch.inputs.double(),
        batch.future.double(),
        batch.series,
    )
    assert len(series.unique()) == 2
    with torch.no_grad():
        whole = model(inputs, future, series)
        assert whole.shape == (6, 16, 2, 3 if quantiles else 1)
        for b in range(16):
            one = slice(b, b + 1)
            alone = model(inputs[:, one], future[:, one], series[one])
            torch.testing.assert_close(alone, whole[:, one], **EXACT)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_relative_to_the_last_value_a_shift_moves_the_forecast(wide: Path, scheme: str) -> None:
    task = Forecast(wide, covariates=("promotion",), **SMALL)
    model = task.model(**net(scheme)).double().eval()
    batch = task.batches("test")[0]
    inputs, future = batch.inputs.double(), batch.future.double()
    moved = inputs.clone()
    moved[:, :, :2] += torch.tensor([3.0, -7.0], dtype=torch.float64)
    with torch.no_grad():
        a = model(inputs, future, batch.series)
        b = model(moved, future, batch.series)
    torch.testing.assert_close(b - a, torch.tensor([3.0, -7.0]).double()[:, None].expand_as(a))


def test_recursive_reads_its_own_forecast_as_if_it_were_the_value(wide: Path) -> None:
    """Step by step with the whole past read anew each time; and in training, one step from the
    truth each."""
    task = Forecast(wide, covariates=("promotion",), **SMALL)
    model = task.model(**net("recursive"), subtract_last=False).double().eval()
    batch = task.batches("test")[0]
    inputs, future = batch.inputs.double(), batch.future.double()
    targets, series = batch.targets.double(), batch.series
    known = torch.cat((inputs[:, :, 2:], future))
    with torch.no_grad():
        for told in (None, targets):
            values = inputs[:, :, :2]
            made = []
            for step in range(6):
                outputs, _ = model.scheme.stack(  # type: ignore
                    torch.cat((values, known[1 : 13 + step]), dim=2)
                )
                made.append(model.scheme.head(outputs[-1]))  # type: ignore
                values = torch.cat((values, (made if told is None else told)[step][None]))
            got = model(inputs, future, series, told)
            torch.testing.assert_close(got[..., 0], torch.stack(made), **EXACT)


def test_segments_are_those_of_segrnn(wide: Path) -> None:
    """The equations of the paper with torch's own GRU, one window and one channel at a time."""
    task = Forecast(wide, **{**SMALL, "horizon": 7})  # the second segment stands out by one
    model = task.model(**net("segments")).double().eval()
    scheme: Any = model.scheme
    gru = nn.GRU(8, 8).double()
    layer = scheme.stack.layers[0].directions[0]
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(gru, f"{name}_l0").data.copy_(getattr(layer, name))
    batch = task.batches("test")[0]
    with torch.no_grad():
        got = model(batch.inputs.double(), batch.future.double(), batch.series)
        for b in range(3):
            for c in range(3):
                x = batch.inputs[:, b, c].double()
                segments = (x - x[-1]).view(3, 4)
                state = gru(torch.relu(scheme.project(segments))[:, None])[1]
                made = []
                for m in range(2):
                    ask = torch.cat((scheme.position.weight[m], scheme.channel.weight[c]))
                    made.append(scheme.head(gru(ask[None, None], state)[0][0, 0]))
                want = torch.cat(made)[:7] + x[-1]
                torch.testing.assert_close(got[:, b, c, 0], want, **EXACT)


# -- scores


def test_baselines_by_hand(wide: Path) -> None:
    task = Forecast(wide, series=("sales",), rows=(100, 50, 50), **{**SMALL, "look_back": 30})
    y = task.rows[:, 0].double().numpy()
    starts = range(150, 200 - 6 + 1)
    last = [(y[s : s + 6] - y[s - 1]) ** 2 for s in starts]
    season = [(y[s : s + 6] - y[s - 24 : s - 18]) ** 2 for s in starts]
    found = task.baselines("test")
    assert found["last value"]["mse"] == pytest.approx(np.mean(last), rel=1e-5)
    assert found["season before (24)"]["mse"] == pytest.approx(np.mean(season), rel=1e-5)
    naive = np.abs(rows(200)[24:100, 0] - rows(200)[:76, 0]).mean()
    assert task.scale.naive[0, 0] == pytest.approx(naive, rel=1e-5)
    short = Forecast(wide, rows=(100, 50, 50), season=4, **SMALL)
    held = short.baselines("validation")["season before (4)"]["mse"]
    y = short.rows.double().numpy()
    want = [(y[s + h] - y[s - 4 + h % 4]) ** 2 for s in range(100, 145) for h in range(6)]
    assert held == pytest.approx(np.mean(want), rel=1e-5)
    assert short.baseline() == min(
        scores["mse"] for scores in short.baselines("validation").values()
    )


# -- runs


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_learns_and_comes_back(wide: Path, tmp_path: Path, scheme: str) -> None:
    task = Forecast(wide, covariates=("promotion",), look_back=24, horizon=6, batch_size=16)
    torch.manual_seed(0)
    model = task.model(**{**net(scheme), "width": 24}, dropout=0.0)
    result = fit(model, task, epochs=12, lr=0.01, out=tmp_path / "run", progress=Silent())
    mse = result.best["mse"]
    assert mse is not None
    assert mse < 0.5 * task.baseline()  # the covariate tells what no naive forecast knows
    again = load(tmp_path / "run")
    assert isinstance(again, Tabular)
    assert evaluate(again, task, "test") == evaluate(model, task, "test")
    whole = Forecast.for_model(again, wide)
    assert whole.config()["sizes"] == {"train": 0, "validation": 0, "test": 200 - 30 + 1}
    assert evaluate(again, whole, "test")["mse"] < 0.5
    same = reopen(task.config())
    assert same.config() == task.config()


def test_what_follows_a_file(wide: Path, tmp_path: Path) -> None:
    """The forecast of a file's end is the one of the window that ends there."""
    task = Forecast(wide, covariates=("promotion",), calendar=("hour",), loss="quantile", **SMALL)
    model = task.model(**net("segments")).eval()
    text = wide.read_text().splitlines()
    cut = tmp_path / "cut.csv"
    ahead = [",".join([line.split(",")[0], "", "", line.split(",")[3]]) for line in text[-6:]]
    cut.write_text("\n".join([*text[:-6], *ahead]))
    table = list(model.table(cut))
    names = [f"{name}_{q}" for name in ("sales", "heat") for q in (0.1, 0.5, 0.9)]
    assert list(table[0]) == ["date", *names]
    assert [row["date"] for row in table] == [line.split(",")[0] for line in text[-6:]]
    batch = task.batches("test")[-1]
    with torch.no_grad():
        last = model(batch.inputs, batch.future, batch.series)[:, -1]
    scale = task.scale.values[0]
    want = last.sort(dim=-1).values.numpy() * scale.scale[:, None] + scale.mean[:, None]
    got = np.array([[row[name] for name in names] for row in table]).reshape(6, 2, 3)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    with pytest.raises(LaminaError, match="has 0 rows with covariates behind the last value"):
        list(model.table(wide))


def test_a_time_of_whole_numbers_has_no_calendar(wide: Path) -> None:
    text = wide.read_text().splitlines()[1:]
    numbered = [",".join([str(i), *line.split(",")[1:]]) for i, line in enumerate(text)]
    wide.write_text("\n".join(["date,sales,heat,promotion", *numbered]))
    assert list(Forecast(wide, **SMALL).model(**net("segments")).table(wide))[-1]["date"] == "205"
    with pytest.raises(LaminaError, match="need dates for calendar features"):
        Forecast(wide, calendar=("hour",), **SMALL)


def test_every_id_has_a_scale_of_its_own(long: Path) -> None:
    task = Forecast(long, id="shop", **SMALL)
    model = task.model(**net("segments")).eval()
    made = model.answers(model.read(long))
    assert [answer["id"] for answer in made] == ["a", "b"]
    sales = [np.mean(answer["values"]["sales"]) for answer in made]
    assert sales[1] - sales[0] == pytest.approx(1000, abs=50)
    assert [row["shop"] for row in model.table(long)] == ["a"] * 6 + ["b"] * 6


def test_files_that_do_not_fit_the_model(long: Path, tmp_path: Path) -> None:
    task = Forecast(long, id="shop", **SMALL)
    model = task.model(**net("segments"))
    other = tmp_path / "other.csv"
    text = long.read_text()
    other.write_text(text.replace(",b,", ",c,"))
    with pytest.raises(LaminaError, match="id 'c' was not in training"):
        model.read(other)
    kept = [line for i, line in enumerate(text.splitlines()) if i == 0 or i % 2]
    other.write_text("\n".join(kept))
    with pytest.raises(LaminaError, match="2 h apart; the model was trained on 1 h"):
        model.read(other)
    other.write_text("\n".join(text.splitlines()[:10]))
    with pytest.raises(LaminaError, match="got 9 rows; the model reads 12"):
        model.answers(model.read(other))
    with pytest.raises(LaminaError, match="got 9 rows; one window needs 18"):
        Forecast.for_model(model, other)


def test_filled_values_are_read_and_not_scored(wide: Path) -> None:
    text = wide.read_text().splitlines()
    del text[151]  # a row of the test part
    wide.write_text("\n".join(text))
    task = Forecast(wide, missing="forward", rows=(100, 40, 60), **SMALL)
    assert not task.observed[150].any()
    torch.testing.assert_close(task.rows[150], task.rows[149])
    steps = [task.step(task.model(**net("segments")).eval(), b, None) for b in task.batches("test")]
    assert sum(step.count for step in steps) == 3 * (55 * 6 - 6)


def test_etth1_is_split_as_in_the_literature() -> None:
    """Zhou et al. 2021: 12, 4 and 4 months. The error of the last value is that of Zeng et al.
    2023, *Are Transformers Effective for Time Series Forecasting?*, table 2, row Repeat."""
    if not Path(os.environ.get("LAMINA_DATA", "/nowhere"), "ett").exists():
        pytest.skip("no LAMINA_DATA with ETTh1")
    task = Forecast("etth1", look_back=336, horizon=96, batch_size=512)
    assert task.config()["sizes"] == {"train": 8209, "validation": 2785, "test": 2785}
    scores = task._naive("test", 1)
    assert (round(scores["mse"], 3), round(scores["mae"], 3)) == (1.294, 0.713)


def test_the_order_of_day_and_month_is_kept_with_the_model(tmp_path: Path) -> None:
    days = [f"{month:02}/{day:02}/2024" for month in (1, 2) for day in range(1, 29)]
    rows = "\n".join(f"{day},{k % 7}" for k, day in enumerate(days))
    (tmp_path / "a.csv").write_text(f"date,y\n{rows}\n")
    start = "\n".join(f"{day},{k % 7}" for k, day in enumerate(days[:12]))
    (tmp_path / "b.csv").write_text(f"date,y\n{start}\n")
    task = Forecast(
        tmp_path / "a.csv", look_back=6, horizon=3, missing="forward", fractions=(0.6, 0.2, 0.2)
    )
    model = task.model(width=2, segment=3)
    answers = list(model.table(tmp_path / "b.csv"))
    assert answers[0]["date"] == "01/13/2024"
