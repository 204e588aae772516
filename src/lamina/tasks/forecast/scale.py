"""The scale on which series are forecast. Kept with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from lamina.data.prepare.standardize import Figures, Standardizer
from lamina.data.time.series import Series
from lamina.data.time.timestamps import calendar_features
from lamina.spec import LaminaError
from lamina.tasks.forecast.inputs import ForecastInputs


@dataclass(frozen=True)
class Scale:
    """How series are brought on one scale: one entry an id.

    values:     of the ``C`` columns; fitted on the training part.
    covariates: of the covariates' columns, likewise.
    naive:      ``(ids, C)``: the mean absolute error, in the training part, of saying what was one
                season before; the unit of MASE (Hyndman and Koehler 2006). 0 where there is none.
    """

    values: list[Standardizer]
    covariates: list[Standardizer]
    naive: np.ndarray

    @classmethod
    def fit(cls, parts: Sequence[Series], ends: Sequence[int], season: int) -> Scale:
        """From the first ``ends[i]`` rows of each series."""
        values, covariates, naive = [], [], []
        for series, end in zip(parts, ends, strict=True):
            values.append(Standardizer.fit([series.values[:end]]))
            covariates.append(Standardizer.fit([series.covariates[:end]]))
            both = series.observed[season:end] & series.observed[: max(end - season, 0)]
            gaps = np.abs(series.values[season:end] - series.values[: max(end - season, 0)])
            naive.append((gaps * both).sum(axis=0) / np.maximum(both.sum(axis=0), 1))
        return cls(values, covariates, np.array(naive))

    def rows(
        self, group: int, series: Series, inputs: ForecastInputs, ahead: int = 0
    ) -> np.ndarray:
        """``(T + ahead, C + K)`` float32: values (0 behind the end), covariates, calendar."""
        times = np.concatenate([series.times, inputs.step.after(int(series.times[-1]), ahead)])
        rows = np.zeros((len(times), len(inputs.series) + inputs.known), np.float32)
        values = self.values[group](series.values)
        rows[: len(values), : values.shape[1]] = values
        known = [calendar_features(times, inputs.calendar)]
        if inputs.covariates:
            known.insert(0, self.covariates[group](series.covariates[: len(times)]))
        rows[:, values.shape[1] :] = np.concatenate(known, axis=1)
        return rows

    def to_json(self) -> str:
        """The text that :meth:`from_json` reads."""
        return msgspec.json.encode(
            _Scale(
                values=[s.figures() for s in self.values],
                covariates=[s.figures() for s in self.covariates],
                naive=self.naive.tolist(),
            )
        ).decode()

    @classmethod
    def from_json(cls, text: str, inputs: ForecastInputs, place: str) -> Scale:
        """Read what :meth:`to_json` wrote for ``inputs``.

        Raises:
            LaminaError: malformed, or of another kind.
        """
        try:
            read = msgspec.json.decode(text, type=_Scale)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise LaminaError(f"is not a scale: {error}", place=place) from None
        sizes = (len(inputs.series), len(inputs.covariates))
        for each, size in ((read.values, sizes[0]), (read.covariates, sizes[1])):
            if len(each) != len(inputs.ids) or not all(s.holds(size) for s in each):
                raise LaminaError(
                    f"does not hold one mean and one scale above 0 for each of {size} columns of "
                    f"{len(inputs.ids)} series",
                    place=place,
                )
        if [len(row) for row in read.naive] != [sizes[0]] * len(inputs.ids):
            raise LaminaError("does not hold one naive error a series", place=place)
        values, covariates = (
            [Standardizer.of(s) for s in each] for each in (read.values, read.covariates)
        )
        return cls(values, covariates, np.array(read.naive))


class _Scale(msgspec.Struct, forbid_unknown_fields=True):
    values: list[Figures]
    covariates: list[Figures]
    naive: list[list[float]]
