"""What a forecaster reads and tells. Kept with the model, so that it can read new data later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from lamina.data.time.series import MissingSteps, SeriesTable, read_series
from lamina.data.time.timestamps import Calendar, TimeStep
from lamina.spec import LaminaError

Loss: TypeAlias = Literal["mse", "mae", "quantile"]


def check_quantiles(quantiles: Sequence[float]) -> None:
    """Refuse quantiles that are not ascending in 0..1, or without the median."""
    ascending = list(quantiles) == sorted(set(quantiles))
    if not ascending or 0.5 not in quantiles or not 0 < quantiles[0] <= quantiles[-1] < 1:
        raise LaminaError(
            f"quantiles are {tuple(quantiles)}; need ascending shares between 0 and 1 with 0.5 "
            "among them, such as 0.1, 0.5, 0.9"
        )


class ForecastInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a forecaster reads and tells; kept with the model. Fields as in
    :class:`lamina.tasks.forecast.data.ForecastData`; ``quantiles`` are empty for a single number,
    ``ids`` is ``("",)`` for a wide table."""

    time: str
    id: str | None
    ids: tuple[str, ...]
    series: tuple[str, ...]
    covariates: tuple[str, ...]
    calendar: tuple[Calendar, ...]
    time_format: str | None
    missing: MissingSteps
    look_back: int
    horizon: int
    loss: Loss
    quantiles: tuple[float, ...]
    season: int
    step: TimeStep

    def __post_init__(self) -> None:
        for name in ("look_back", "horizon", "season"):
            if not 1 <= getattr(self, name) < 2**31:
                raise LaminaError(f"{name} is {getattr(self, name)}; need 1 or more, below 2**31")
        if not self.series or not self.ids:
            raise LaminaError("names no series")
        if self.quantiles:
            check_quantiles(self.quantiles)

    @property
    def known(self) -> int:
        """``K``: numbers a step that are known in advance."""
        return len(self.covariates) + 2 * len(self.calendar)

    def read(self, path: str | Path) -> SeriesTable:
        """A file of the kind that the model was trained on.

        Raises:
            LaminaError: one that cannot be read, with the line; an id that was not in training;
                another step.
        """
        table = read_series(
            path,
            time=self.time,
            id=self.id,
            columns=self.series,
            covariates=self.covariates,
            time_format=self.time_format,
            missing=self.missing,
            # A short file may show no weekend; earlier versions knew days alone.
            business=self.step.unit == "business-day",
        )
        if table.step != self.step:
            raise LaminaError(
                f"its rows are {table.step} apart; the model was trained on {self.step}",
                place=str(path),
            )
        for series in table.series:
            if series.id not in self.ids:
                raise LaminaError(
                    f"id {series.id!r} was not in training. Take its rows out, or train with it.",
                    place=str(path),
                )
        return table
