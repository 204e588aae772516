"""Losses of forecasts, and sums of their errors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def pinball(forecast: Tensor, target: Tensor, quantiles: Sequence[float]) -> Tensor:
    """The pinball loss (Koenker and Bassett 1978) of each quantile, ``(..., Q)``.

    ``forecast`` ``(..., Q)``, ``target`` ``(...)``. Its mean is least where the share of targets
    below the forecast is the quantile.
    """
    q = torch.tensor(quantiles, dtype=forecast.dtype, device=forecast.device)
    short = target[..., None] - forecast
    return torch.maximum(q * short, (q - 1) * short)


def mean_loss(
    forecast: Tensor, target: Tensor, observed: Tensor | None, loss: str, quantiles: Sequence[float]
) -> Tensor:
    """The loss to differentiate, a mean over observed targets (and quantiles).

    ``forecast`` ``(F, B, C, Q)``, ``target`` and ``observed`` ``(F, B, C)``.
    """
    if loss == "quantile":
        each = pinball(forecast, target, quantiles).mean(dim=-1)
    else:
        gap = forecast[..., 0] - target
        each = gap.square() if loss == "mse" else gap.abs()
    if observed is None:
        return each.mean()
    return each.masked_fill(~observed, 0.0).sum() / observed.sum().clamp(min=1)


def error_sums(
    forecast: Tensor,
    target: Tensor,
    observed: Tensor | None,
    *,
    mean: Tensor,
    scale: Tensor,
    naive: Tensor,
    quantiles: Sequence[float],
) -> dict[str, Tensor]:
    """Sums over observed targets, for :func:`lamina.tasks.scores.sums.forecast_errors`.

    ``forecast`` ``(F, B, C, Q)`` and ``target`` ``(F, B, C)`` on the common scale; ``mean``,
    ``scale``, ``naive`` ``(B, C)``, of each series. The point of a quantile forecast is its median.
    """
    there = torch.ones_like(target) if observed is None else observed.to(target.dtype)
    target = torch.where(there > 0, target, 0.0)
    ordered = forecast.sort(dim=-1).values  # quantiles that cross are put in order
    point = ordered[..., list(quantiles).index(0.5) if quantiles else 0]
    gap = (point - target) * there
    error = gap.abs() * scale
    sizes = (target * scale + mean).abs() + (point * scale + mean).abs()
    judged = (naive > 0).to(error.dtype)
    sums = {
        "count": there.sum(),
        "mse": gap.square().sum(),
        "mae": gap.abs().sum(),
        "mae_original": error.sum(),
        "smape": (200 * error / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)).sum(),
        "mase": (error * judged / torch.where(naive > 0, naive, 1.0)).sum(),
        "mase_count": (there * judged).sum(),
    }
    if quantiles:
        sums["pinball"] = (pinball(ordered, target, quantiles).mean(dim=-1) * there).sum()
        below = (target[..., None] <= ordered) * there[..., None]
        sums |= {f"below_{q:g}": below[..., i].sum() for i, q in enumerate(quantiles)}
        if len(quantiles) > 1:
            inside = (ordered[..., 0] <= target) & (target <= ordered[..., -1])
            sums["coverage"] = (inside * there).sum()
    return sums
