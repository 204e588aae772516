"""Forecasting: the next values of time series."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lamina.data import PARTS, fingerprint
from lamina.data.prepare.standardize import constant
from lamina.data.read.table import listed
from lamina.data.time.series import SeriesTable
from lamina.data.time.time_formats import write_times
from lamina.spec import LaminaError, LaminaWarning, Metric, Part, State, Step
from lamina.spec.counted import counted
from lamina.tasks.base import DataTask
from lamina.tasks.describe import Facts, filled
from lamina.tasks.forecast.batch import WindowBatch, WindowBatches
from lamina.tasks.forecast.data import ForecastData, read, split
from lamina.tasks.forecast.errors import error_sums, mean_loss
from lamina.tasks.forecast.inputs import ForecastInputs
from lamina.tasks.forecast.network import NAME, Forecaster, ForecastOptions
from lamina.tasks.forecast.scale import Scale
from lamina.tasks.scores.sums import forecast_errors

_NAIVE = "the better of the last value and the season before"
MSE = Metric("mse", higher_is_better=False, gain="relative", blind=_NAIVE)
PINBALL = Metric("pinball", higher_is_better=False, gain="relative", blind=_NAIVE)


def _constant(table: SeriesTable, trained: Sequence[int]) -> list[str]:
    """The series that never change in the training part, with their id in a long table."""
    return [
        f"{name} of {series.id}" if series.id else name
        for series, end in zip(table.series, trained, strict=True)
        for name, same in zip(table.columns, constant([series.values[:end]]), strict=True)
        if same
    ]


class Forecast(DataTask[Forecaster, WindowBatch]):
    """Learn to forecast time series.

    >>> task = Forecast("power.csv", look_back=336, horizon=24)          # doctest: +SKIP
    >>> model = task.model(scheme="segments", segment=24, width=128)     # doctest: +SKIP

    The metric is the mean squared error on the common scale; of quantiles, the pinball loss.
    Fields: :class:`ForecastData`.
    """

    name = NAME
    unit = "window"
    metric = MSE
    Data = ForecastData
    Options = ForecastOptions
    Network = Forecaster

    data: ForecastData
    #: The series that never change in the training part.
    constant: Sequence[str] = ()

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        self.data = data = self.data.resolved()
        table, self.inputs, self.fingerprints = read(data)
        ends = [split(data, table, series) for series in table.series]
        trained = [end[0] for end in ends]
        self.scale = Scale.fit(table.series, trained, self.inputs.season)
        self.constant = _constant(table, trained)
        if self.constant:
            warnings.warn(
                LaminaWarning(
                    f"{table.path}: {listed(self.constant)} never changes in the training part, so "
                    "its scale is 1 and its errors are in its own unit"
                ),
                stacklevel=3,
            )
        self._place(table, [(0, *end) for end in ends])

    @classmethod
    def known(cls, model: Forecaster) -> dict[str, Any]:
        """See :class:`lamina.tasks.base.DataTask`: all that is read and forecast."""
        both = set(ForecastData.__struct_fields__) & set(ForecastInputs.__struct_fields__)
        fields = {name: getattr(model.inputs, name) for name in both}
        if not model.inputs.quantiles:
            del fields["quantiles"]
        return fields

    def follow(self, model: Forecaster, given: Mapping[str, Any]) -> None:
        """See :class:`lamina.tasks.base.DataTask`. The first ``look_back`` rows are read, not
        scored."""
        inputs, path = model.inputs, self.data.source
        self.inputs, self.scale = inputs, model.scale
        table = inputs.read(path)
        for series in table.series:
            if len(series.values) < inputs.look_back + inputs.horizon:
                raise LaminaError(
                    f"got {counted(len(series.values), 'row')}; one window needs "
                    f"{inputs.look_back + inputs.horizon:,}",
                    place=series.place,
                )
        self._place(table, [(0, 0, 0, len(series.values)) for series in table.series])
        self.fingerprints = {path: fingerprint(path)}

    def _place(self, table: SeriesTable, bounds: Sequence[tuple[int, int, int, int]]) -> None:
        """Lay the series end to end, and note where the windows of their parts (``bounds``) are."""
        inputs = self.inputs
        if inputs.quantiles:
            self.metric = PINBALL
        self.choice = table.choice
        #: Rows in each part, of all ids together.
        ends = np.diff(np.array(bounds), axis=1).sum(axis=0).tolist()
        self.steps: dict[str, int] = dict(zip(PARTS, ends, strict=True))
        edges = [t for series in table.series for t in (series.times[0], series.times[-1])]
        first, last = write_times(np.array([min(edges), max(edges)]), table.form)
        self.span = f"{first} to {last}, {table.step} apart"
        rows: list[np.ndarray] = []
        observed: list[np.ndarray] = []
        starts: dict[Part, list[np.ndarray]] = {part: [] for part in PARTS}
        groups: dict[Part, list[np.ndarray]] = {part: [] for part in PARTS}
        offset = 0
        for series, bound in zip(table.series, bounds, strict=True):
            group = inputs.ids.index(series.id)
            rows.append(self.scale.rows(group, series, inputs))
            observed.append(series.observed)
            for part, low, high in zip(PARTS, bound, bound[1:], strict=False):
                first = np.arange(max(low, inputs.look_back), high - inputs.horizon + 1)
                starts[part].append(first + offset)
                groups[part].append(np.full(len(first), group))
            offset += len(series.values)
        self.rows = torch.from_numpy(np.concatenate(rows))
        self.observed = torch.from_numpy(np.concatenate(observed))
        self.starts = {part: np.concatenate(found) for part, found in starts.items()}
        self.groups = {part: np.concatenate(found) for part, found in groups.items()}
        #: Where each id's rows begin.
        lengths = [len(series.values) for series in table.series]
        self.begins = np.zeros(len(inputs.ids), np.int64)
        for series, begin in zip(table.series, np.cumsum([0, *lengths]), strict=False):
            self.begins[inputs.ids.index(series.id)] = begin

    def network(self, options: ForecastOptions) -> Forecaster:
        """A fresh forecaster of these series."""
        return Forecaster(options, self.inputs, self.scale)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[WindowBatch]:
        """Every window of a part, in an order drawn anew each epoch for training."""
        return WindowBatches(
            self.rows,
            None if self.observed.all() else self.observed,
            self.starts[part],
            self.groups[part],
            columns=len(self.inputs.series),
            look_back=self.inputs.look_back,
            horizon=self.inputs.horizon,
            batch_size=self.data.batch_size,
            rng=np.random.default_rng([seed, epoch]) if part == "train" else None,
            part=part,
        )

    def step(self, model: Forecaster, batch: WindowBatch, state: State | None) -> Step:
        """The loss of a batch, and the errors of its forecasts."""
        inputs, seen = self.inputs, batch.observed
        targets = batch.targets if model.training else None
        forecast = model(batch.inputs, batch.future, batch.series, targets)
        loss = mean_loss(forecast, batch.targets, seen, inputs.loss, inputs.quantiles)
        sums = self._sums(forecast.detach(), batch)
        sums["loss"] = loss.detach() * sums["count"]
        count = batch.targets.numel() if seen is None else int(seen.sum())
        return Step(loss, sums, count)

    def _sums(self, forecast: Tensor, batch: WindowBatch) -> dict[str, Tensor]:
        series, like = batch.series, batch.targets
        figures = (table.to(like.device, like.dtype)[series] for table in self._figures)
        mean, scale, naive = figures
        return error_sums(
            forecast,
            like,
            batch.observed,
            mean=mean,
            scale=scale,
            naive=naive,
            quantiles=self.inputs.quantiles,
        )

    @cached_property
    def _figures(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, scale and naive error of each series, ``(ids, C)``."""
        return (
            torch.from_numpy(np.stack([s.mean for s in self.scale.values])),
            torch.from_numpy(np.stack([s.scale for s in self.scale.values])),
            torch.from_numpy(self.scale.naive),
        )

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss``, and :func:`lamina.tasks.scores.sums.forecast_errors`."""
        scores = forecast_errors({name: value for name, value in sums.items() if name != "loss"})
        return {**super().summary(sums, count), **scores}

    # -- without a network

    def baselines(self, part: Part) -> dict[str, dict[str, float]]:
        """The scores of forecasts that need no network: ``last value``, and ``season before``,
        which repeats the last season (where each window has one before it)."""
        found = {"last value": self._naive(part, 1)}
        season = self.inputs.season
        begun = self.starts[part] - self.begins[self.groups[part]]
        if season > 1 and len(begun) and begun.min() >= season:
            found[f"season before ({season})"] = self._naive(part, season)
        return found

    def _naive(self, part: Part, season: int) -> dict[str, float]:
        sums: dict[str, float] = {}
        batches = self.batches(part)
        columns, steps = len(self.inputs.series), np.arange(self.inputs.horizon) % season
        quantiles = max(len(self.inputs.quantiles), 1)
        for k in range(len(batches)):
            batch = batches[k]
            assert batch.index is not None
            starts = self.starts[part][batch.index.numpy()]
            before = torch.from_numpy(starts[None, :] - season + steps[:, None])  # (F, B)
            said = self.rows[before][:, :, :columns, None].expand(-1, -1, -1, quantiles)
            for name, value in self._sums(said, batch).items():
                sums[name] = sums.get(name, 0.0) + float(value)
        return forecast_errors(sums)

    def baseline(self) -> float:
        """``metric`` on the validation part of the better of :meth:`baselines`."""
        if not len(self.starts["validation"]):
            return float("nan")
        every = self.baselines("validation").values()
        return min(scores[self.metric.name] for scores in every)

    def report(self, part: Part, scores: Mapping[str, float]) -> list[str]:
        """A model's scores on a part beside those of :meth:`baselines`, as lines of a table."""
        named = {"network": scores, **self.baselines(part)}
        heads = {"mse": "mse", "mae": "mae", "pinball": "pinball"}
        heads |= {"mae_original": "mae, original", "smape": "smape, %", "mase": "mase"}
        heads = {key: head for key, head in heads.items() if key in scores}
        width = max(map(len, named))
        lines = ["".join([" " * width, *(f"{head:>14}" for head in heads.values())])]
        for name, values in named.items():
            lines.append("".join([f"{name:<{width}}", *(f"{values[key]:>14.4f}" for key in heads)]))
        for q in self.inputs.quantiles:
            lines.append(f"up to quantile {q:g}: {100 * scores[f'below_{q:g}']:.1f}% of values")
        if "coverage" in scores:
            low, high = self.inputs.quantiles[0], self.inputs.quantiles[-1]
            lines.append(
                f"between {low:g} and {high:g}: {100 * scores['coverage']:.1f}% "
                f"(should be {100 * (high - low):g}%)"
            )
        return lines

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        inputs = self.inputs
        return filled(
            {
                "series": list(inputs.series),
                inputs.id or "id": list(inputs.ids) if inputs.id is not None else None,
                "covariates": [*inputs.covariates, *inputs.calendar],
                "flags": dict.fromkeys(self.choice.flags, "1 for true"),
                "constant": list(self.constant),
                "left out": dict(self.choice.left_out),
                "times": self.span,
                "rows": self.steps,
                "windows": self.sizes(),
                "filled": self._filled(),
            }
        )

    def _filled(self) -> dict[str, int]:
        """How many values of each series were missing, in all parts."""
        missing = (~self.observed).sum(dim=0).tolist()
        return {name: n for name, n in zip(self.inputs.series, missing, strict=True) if n}

    def sizes(self) -> dict[str, int]:
        """Windows in each part."""
        return {part: len(starts) for part, starts in self.starts.items()}
