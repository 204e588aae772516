"""How good forecasts are: errors on the common scale and on the original one, and quantiles."""

from __future__ import annotations

from collections.abc import Mapping


def score(sums: Mapping[str, float]) -> dict[str, float]:
    """Means of sums that :func:`lamina.tasks.forecast.errors.error_sums` gave.

    ``mse``, ``mae`` on the common scale; on the original scale ``mae_original``, ``smape``
    (percent, 0..200: Makridakis 1993) and ``mase`` (Hyndman and Koehler 2006; not-a-number where
    no series has a naive error to compare with). With quantiles ``pinball`` on the common scale,
    ``below_Q`` (the share of targets up to quantile Q) and ``coverage`` (between the outermost).
    """
    count = max(sums["count"], 1.0)
    found = {k: v / count for k, v in sums.items() if k not in ("count", "mase", "mase_count")}
    found["mase"] = sums["mase"] / sums["mase_count"] if sums["mase_count"] else float("nan")
    return found
