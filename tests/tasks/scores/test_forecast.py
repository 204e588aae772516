"""Errors of forecasts: by hand, against scikit-learn, and where values are missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.tasks.forecast.errors import error_sums, mean_loss, pinball
from lamina.tasks.scores.sums import forecast_errors


def test_scores_by_hand() -> None:
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=(2, 6, 5, 3))
    mean, scale, naive = rng.normal(size=(5, 3)), rng.random((5, 3)) + 0.5, rng.random((5, 3))
    naive[0, 1] = 0.0
    got = forecast_errors(
        {
            name: float(value)
            for name, value in error_sums(
                torch.from_numpy(f)[..., None],
                torch.from_numpy(y),
                None,
                mean=torch.from_numpy(mean),
                scale=torch.from_numpy(scale),
                naive=torch.from_numpy(naive),
                quantiles=(),
            ).items()
        }
    )
    told, true = f * scale + mean, y * scale + mean
    gaps = np.abs(told - true)
    judged = np.broadcast_to(naive > 0, gaps.shape)
    with np.errstate(divide="ignore"):
        shares = (gaps / naive)[judged]
    want = {
        "mse": ((f - y) ** 2).mean(),
        "mae": np.abs(f - y).mean(),
        "mae_original": gaps.mean(),
        "smape": (200 * gaps / (np.abs(told) + np.abs(true))).mean(),
        "mase": shares.mean(),
    }
    assert got == pytest.approx(want)


def test_pinball_against_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    y, f = rng.normal(size=50), rng.normal(size=(50, 3))
    for i, q in enumerate((0.1, 0.5, 0.9)):
        got = pinball(torch.from_numpy(f), torch.from_numpy(y), (0.1, 0.5, 0.9))[:, i].mean()
        assert float(got) == pytest.approx(metrics.mean_pinball_loss(y, f[:, i], alpha=q))


@given(st.integers(1, 4), st.integers(0, 2**31))
def test_what_was_not_observed_counts_for_nothing(batch: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    f = torch.randn(5, batch, 2, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(5, batch, 2, generator=generator, dtype=torch.float64)
    seen = torch.rand(5, batch, 2, generator=generator) < 0.6
    figures = {
        name: torch.rand(batch, 2, generator=generator, dtype=torch.float64) + 0.1
        for name in ("mean", "scale", "naive")
    }
    spoilt = y.masked_fill(~seen, torch.nan)
    for quantiles, made in (((0.1, 0.5, 0.9), f), ((), f[..., :1])):
        sums = error_sums(made, y, seen, **figures, quantiles=quantiles)
        again = error_sums(made, spoilt, seen, **figures, quantiles=quantiles)
        for name, value in sums.items():
            torch.testing.assert_close(again[name], value)
        assert float(sums["count"]) == int(seen.sum())
        loss = mean_loss(made, y, seen, "quantile" if quantiles else "mae", quantiles)
        each = [
            mean_loss(made[t, b, c][None, None, None], y[t, b, c][None, None, None], None,
                      "quantile" if quantiles else "mae", quantiles)
            for t, b, c in seen.nonzero().tolist()
        ]  # fmt: skip
        if each:
            torch.testing.assert_close(loss, torch.stack(each).mean())
