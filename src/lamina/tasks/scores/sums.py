"""Scores from sums that add up over batches."""

from __future__ import annotations

import math
from collections.abc import Mapping


def f1(sums: Mapping[str, float]) -> dict[str, float]:
    """``f1``, ``precision`` and ``recall`` in 0..1, from sums of what
    :class:`lamina.tasks.tag.spans.SpanCounts` counts; 0 where nothing is guessed or given."""
    right, guessed, given = (sums[f"spans_{what}"] for what in ("right", "guessed", "given"))
    return {
        "f1": 2 * right / (guessed + given) if guessed + given else 0.0,
        "precision": right / guessed if guessed else 0.0,
        "recall": right / given if given else 0.0,
    }


def forecast_errors(sums: Mapping[str, float]) -> dict[str, float]:
    """Means of the sums that :func:`lamina.tasks.forecast.errors.error_sums` gave.

    ``mse``, ``mae`` on the common scale; on the original scale ``mae_original``, ``smape``
    (percent, 0..200: Makridakis 1993) and ``mase`` (Hyndman and Koehler 2006; not-a-number where
    no series has a naive error to compare with). With quantiles ``pinball`` on the common scale,
    ``below_Q`` (the share of targets up to quantile Q) and ``coverage`` (between the outermost).
    """
    count = max(sums["count"], 1.0)
    found = {k: v / count for k, v in sums.items() if k not in ("count", "mase", "mase_count")}
    found["mase"] = sums["mase"] / sums["mase_count"] if sums["mase_count"] else math.nan
    return found


def regression_errors(sums: Mapping[str, float], count: int, scale: float) -> dict[str, float]:
    """``rmse`` and ``mae`` in the unit of the target, and ``r2``, as scikit-learn defines them.

    ``r2`` is not-a-number for fewer than two examples; if all targets are equal, it is 1 for exact
    predictions and 0 otherwise.

    Args:
        sums:  of standardised targets: ``loss`` (squared errors), ``absolute`` errors, and
               ``spread`` (squared distances from the mean of the part).
        count: the number of examples.
        scale: one standard deviation in the unit of the target.
    """
    squared, spread = sums["loss"], sums["spread"]
    if count < 2:
        r2 = math.nan
    elif spread > 0:
        r2 = 1 - squared / spread
    else:
        r2 = float(squared == 0)
    return {
        "rmse": scale * math.sqrt(squared / max(count, 1)),
        "mae": scale * sums["absolute"] / max(count, 1),
        "r2": r2,
    }
