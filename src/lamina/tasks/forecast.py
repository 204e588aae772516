"""Forecasting: the next values of time series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from lamina.data import fingerprint
from lamina.data.series import Series, SeriesTable
from lamina.data.timestamps import write_times
from lamina.data.windows import WindowBatches
from lamina.nn import StackOptions
from lamina.spec import Batch, CellKind, LaminaError, Metric, Model, Part, State, Step
from lamina.store.structs import changed, struct_from
from lamina.tasks.forecast_data import PARTS, ForecastData, ForecastInputs, Scale, read, split
from lamina.tasks.forecast_schemes import SCHEMES, Scheme, Shape
from lamina.tasks.forecast_scores import error_sums, mean_loss, score
from lamina.tasks.inputs import as_source

NAME = "forecast"
ASSET = "scale.json"

_NAIVE = "the better of the last value and the season before"
MSE = Metric("mse", higher_is_better=False, gain="relative", blind=_NAIVE)
PINBALL = Metric("pinball", higher_is_better=False, gain="relative", blind=_NAIVE)


class ForecastOptions(StackOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A forecaster's shape: the stack's options and

    scheme:        ``segments``: the recurrence runs over segments, all of the horizon at once
                   (Lin et al. 2023); ``direct``: all steps from the last state; ``recursive``: one
                   step at a time, each read to make the next.
    segment:       steps of a segment; the look-back holds a whole number of them.
    subtract_last: series are read and told relative to their last value.

    ``dropout`` also falls on what the top layer gives.
    """

    cell: CellKind = "gru"
    depth: int = 1
    dropout: float = 0.1
    scheme: Scheme = "segments"
    segment: int = 24
    subtract_last: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.segment < 2**31:
            raise LaminaError(f"segment is {self.segment}; need at least 1 step")


class Forecaster(Model):
    """A scheme on a common scale, with what it takes to read a file and to tell its future.

    Args:
        options: the shape.
        inputs:  what it reads and tells.
        scale:   of each series.
    """

    task = NAME

    def __init__(self, options: ForecastOptions, inputs: ForecastInputs, scale: Scale):
        super().__init__()
        self.options, self.inputs, self.scale = options, inputs, scale
        quantiles = inputs.quantiles
        stack = {name: getattr(options, name) for name in StackOptions.__struct_fields__}
        shape = Shape(
            look_back=inputs.look_back,
            horizon=inputs.horizon,
            series=len(inputs.series),
            covariates=inputs.known,
            groups=len(inputs.ids),
            outputs=len(quantiles) or 1,
            middle=quantiles.index(0.5) if quantiles else 0,
        )
        self.scheme = SCHEMES[options.scheme](shape, StackOptions(**stack), options.segment)

    def forward(
        self, inputs: Tensor, future: Tensor, series: Tensor, targets: Tensor | None = None
    ) -> Tensor:
        """Scaled rows -> scaled forecasts.

        inputs:  ``(look_back, B, C + K)``: values and what is known in advance.
        future:  ``(horizon, B, K)``: what is known in advance.
        series:  ``(B,)`` int64: the position of each member's id in ``inputs.ids``.
        targets: ``(horizon, B, C)``: in training, the values to come; scheme ``recursive`` reads
                 each after it has told it.

        Returns ``(horizon, B, C, Q)``: one number a value, or its quantiles.
        """
        columns = len(self.inputs.series)
        values, known = inputs[:, :, :columns], torch.cat((inputs[:, :, columns:], future))
        if not self.options.subtract_last:
            return self.scheme(values, known, series, targets)
        last = values[-1]  # (B, C)
        to_come = None if targets is None else targets - last
        return self.scheme(values - last, known, series, to_come) + last[:, :, None]

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Model`."""
        return {
            "task": NAME,
            "options": msgspec.to_builtins(self.options),
            "inputs": msgspec.to_builtins(self.inputs),
        }

    def assets(self) -> dict[str, str]:
        """See :class:`lamina.spec.Model`."""
        return {ASSET: self.scale.to_json()}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], assets: Mapping[str, str], place: str
    ) -> Forecaster:
        """The same network from what :meth:`config` and :meth:`assets` gave.

        Raises:
            LaminaError: malformed.
        """
        options = struct_from(
            ForecastOptions, config.get("options") or {}, what="model option", place=place
        )
        inputs = struct_from(
            ForecastInputs, config.get("inputs") or {}, what="input field", place=place
        )
        if ASSET not in assets:
            raise LaminaError(f"has no {ASSET}", place=place)
        return cls(options, inputs, Scale.from_json(assets[ASSET], inputs, ASSET))

    # -- answers

    def read(self, path: str | Path) -> Sequence[Any]:
        """The series of a file of the kind that the model was trained on, one an id."""
        return self.inputs.read(path).series

    @torch.no_grad()
    def forecast(self, series: Series) -> np.ndarray:
        """The ``horizon`` values after the end of a series, ``(horizon, C, Q)`` float64 on the
        original scale, quantiles ascending.

        Raises:
            LaminaError: too few rows, or covariates that end before the horizon does.
        """
        inputs = self.inputs
        past, columns = inputs.look_back, len(inputs.series)
        if len(series.values) < past:
            raise LaminaError(
                f"got {len(series.values):,} rows; the model reads {past:,}", place=series.place
            )
        end = len(series.values)
        ahead = len(series.covariates) - end
        if inputs.covariates and ahead < inputs.horizon:
            raise LaminaError(
                f"has {ahead} rows with covariates behind the last value; need {inputs.horizon}: "
                "rows with a time and covariates, their values left empty",
                place=series.place,
            )
        group = inputs.ids.index(series.id)
        rows = torch.from_numpy(self.scale.rows(group, series, inputs, ahead=inputs.horizon))
        rows = rows[end - past : end + inputs.horizon, None]
        device = next(self.parameters()).device
        was_training = self.training
        self.eval()
        made = self(
            rows[:past].to(device),
            rows[past:, :, columns:].to(device),
            torch.tensor([group], device=device),
        )
        self.train(was_training)
        scaled = made[:, 0].sort(dim=-1).values.cpu().double().numpy()
        standard = self.scale.values[group]
        return scaled * standard.scale[:, None] + standard.mean[:, None]

    def table(self, path: str | Path) -> Iterator[dict[str, Any]]:
        """The rows that follow the end of a file, with its columns: time, id, and each series, or
        each of its quantiles as ``NAME_QUANTILE``."""
        read = self.inputs.read(path)
        for series in read.series:
            yield from self._rows(series, read.form)

    def _rows(self, series: Series, form: str) -> Iterator[dict[str, Any]]:
        inputs = self.inputs
        times = write_times(inputs.step.after(int(series.times[-1]), inputs.horizon), form)
        names = [
            f"{name}{mark}"
            for name in inputs.series
            for mark in ([f"_{q:g}" for q in inputs.quantiles] or [""])
        ]
        for time, values in zip(times, self.forecast(series), strict=True):
            own = {} if inputs.id is None else {inputs.id: series.id}
            yield {
                inputs.time: time,
                **own,
                **dict(zip(names, values.ravel().tolist(), strict=True)),
            }

    def answers(self, examples: Sequence[Series]) -> list[dict[str, Any]]:
        """For each series its ``id`` and ``values``: a list of the horizon's numbers a column, or
        of its quantiles."""
        found = []
        for series in examples:
            made = self.forecast(series)
            if not self.inputs.quantiles:
                made = made[..., 0]
            values = {name: made[:, i].tolist() for i, name in enumerate(self.inputs.series)}
            found.append({"id": series.id, "values": values})
        return found

    def predict(self, examples: Sequence[Series]) -> list[str]:
        """The same as JSON."""
        return [msgspec.json.encode(answer["values"]).decode() for answer in self.answers(examples)]


class Forecast:
    """Learn to tell the next values of time series.

    >>> task = Forecast("power.csv", look_back=336, horizon=24)          # doctest: +SKIP
    >>> model = task.model(scheme="segments", segment=24, width=128)     # doctest: +SKIP

    Args:
        source: a file or the name of a corpus; with ``changes``, the fields of
            :class:`ForecastData`.

    Raises:
        LaminaError: data that cannot be read, with file and line, or that are too short.
    """

    name = NAME
    metric = MSE
    Data = ForecastData
    Options = ForecastOptions
    Network = Forecaster

    def __init__(self, source: str | Path, **changes: Any):
        values = {"source": as_source(source), **changes}
        given = struct_from(ForecastData, values, what="field")
        self.data = data = given.resolved()
        table, self.inputs, self.fingerprints = read(data)
        ends = [split(data, table, series) for series in table.series]
        self.scale = Scale.fit(table.series, [end[0] for end in ends], self.inputs.season)
        self._place(table, [(0, *end) for end in ends])

    @classmethod
    def for_model(cls, model: Forecaster, path: str | Path, **changes: Any) -> Forecast:
        """A task whose test part is the file at ``path``, read as ``model`` reads. Its first
        ``look_back`` rows are only read."""
        task = cls.__new__(cls)
        inputs = model.inputs
        fields = {
            name: getattr(inputs, name)
            for name in set(ForecastData.__struct_fields__) & set(ForecastInputs.__struct_fields__)
        }
        if not inputs.quantiles:
            del fields["quantiles"]
        task.data = struct_from(
            ForecastData, {"source": str(path), **fields, **changes}, what="field"
        )
        task.inputs, task.scale = inputs, model.scale
        table = inputs.read(path)
        for series in table.series:
            if len(series.values) < inputs.look_back + inputs.horizon:
                raise LaminaError(
                    f"got {len(series.values):,} rows; one window needs "
                    f"{inputs.look_back + inputs.horizon:,}",
                    place=series.place,
                )
        task._place(table, [(0, 0, 0, len(series.values)) for series in table.series])
        task.fingerprints = {str(path): fingerprint(path)}
        return task

    def _place(self, table: SeriesTable, bounds: Sequence[tuple[int, int, int, int]]) -> None:
        """Lay the series end to end, and note where the windows of their parts (``bounds``) are."""
        inputs = self.inputs
        if inputs.quantiles:
            self.metric = PINBALL
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

    def model(self, options: ForecastOptions | None = None, /, **changes: Any) -> Forecaster:
        """A fresh forecaster of these series."""
        chosen = changed(options or ForecastOptions(), changes, what="model option")
        return Forecaster(chosen, self.inputs, self.scale)

    def batches(self, part: Part, *, epoch: int = 0, seed: int = 0) -> Sequence[Batch]:
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
        )

    def step(self, model: Model, batch: Batch, state: State | None) -> Step:
        """The loss of a batch, and the errors of its forecasts."""
        inputs, more = self.inputs, batch.more
        targets = batch.targets if model.training else None
        forecast = model(batch.inputs, more["future"], more["series"], targets)
        seen = more.get("observed")
        loss = mean_loss(forecast, batch.targets, seen, inputs.loss, inputs.quantiles)
        sums = self._sums(forecast.detach(), batch)
        sums["loss"] = loss.detach() * sums["count"]
        count = batch.targets.numel() if seen is None else int(seen.sum())
        return Step(loss, sums, count)

    def _sums(self, forecast: Tensor, batch: Batch) -> dict[str, Tensor]:
        series, like = batch.more["series"], batch.targets
        figures = (table.to(like.device, like.dtype)[series] for table in self._figures)
        mean, scale, naive = figures
        return error_sums(
            forecast,
            like,
            batch.more.get("observed"),
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
        """``loss`` and what :func:`lamina.tasks.forecast_scores.score` makes of the errors."""
        scores = score({name: value for name, value in sums.items() if name != "loss"})
        return {"loss": sums["loss"] / max(count, 1), **scores}

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
        return score(sums)

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

    def config(self) -> dict[str, Any]:
        """See :class:`lamina.spec.Task`."""
        return {
            "name": NAME,
            "data": msgspec.to_builtins(self.data),
            "fingerprints": self.fingerprints,
            "sizes": {part: len(starts) for part, starts in self.starts.items()},
        }
