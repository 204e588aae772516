"""The network that forecasts: a scheme on a common scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from lamina.cells import CellName
from lamina.data.time.series import Series
from lamina.data.time.time_formats import write_times
from lamina.nn import StackOptions
from lamina.spec import LaminaError, Model
from lamina.spec.counted import counted
from lamina.tasks.forecast.inputs import ForecastInputs
from lamina.tasks.forecast.scale import Scale
from lamina.tasks.forecast.schemes import SCHEMES, ForecastScheme, Shape, fitting_segment
from lamina.tasks.saved import SavedModel, several

NAME = "forecast"
ASSET = "scale.json"


class ForecastOptions(StackOptions, frozen=True, kw_only=True):
    """A forecaster's shape: the stack's options and

    ``dropout`` also falls on what the top layer gives.
    """

    cell: CellName = "gru"
    depth: int = 1
    dropout: float = 0.1
    #: Segments: Lin et al. (2023).
    scheme: Annotated[
        ForecastScheme,
        Meta(
            description="How to forecast. segments: read segments, predict the whole horizon at "
            "once; direct: predict all steps from the last state; recursive: predict "
            "one step at a time and feed it back."
        ),
    ] = "segments"
    segment: Annotated[
        Annotated[int, Meta(ge=1, lt=2**31)] | None,
        Meta(
            description="Steps per segment, a divisor of the look-back. By default 24, or the "
            "largest divisor below that leaves four segments.",
        ),
    ] = None
    subtract_last: Annotated[
        bool,
        Meta(
            description="Read and predict series relative to their last value.",
            extra={"off": "Read and predict values as they are, not relative to the last one."},
        ),
    ] = True

    def check_effect(self) -> None:
        super().check_effect()
        if self.scheme != "segments":
            self.without_effect(["segment"], f"with scheme={self.scheme!r}")


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
        segment = options.segment or fitting_segment(inputs.look_back)
        if options.scheme == "segments":  # what is saved says which it is
            options = msgspec.structs.replace(options, segment=segment)
        self.options, self.inputs, self.scale = options, inputs, scale
        quantiles = inputs.quantiles
        shape = Shape(
            look_back=inputs.look_back,
            horizon=inputs.horizon,
            series=len(inputs.series),
            covariates=inputs.known,
            groups=len(inputs.ids),
            outputs=len(quantiles) or 1,
            middle=quantiles.index(0.5) if quantiles else 0,
        )
        self.scheme = SCHEMES[options.scheme](shape, options, segment)

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
    def from_saved(cls, saved: SavedModel) -> Forecaster:
        """The same network from what a run folder keeps of it.

        Raises:
            LaminaError: malformed.
        """
        inputs = saved.part("inputs", ForecastInputs)
        scale = Scale.from_json(saved.asset(ASSET), inputs, ASSET)
        return cls(saved.part("options", ForecastOptions), inputs, scale)

    # -- answers

    def read(self, path: str | Path) -> Sequence[Any]:
        """The series of a file of the kind that the model was trained on, one an id."""
        return self.inputs.read(path).series

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
                f"got {counted(len(series.values), 'row')}; the model reads {past:,}",
                place=series.place,
            )
        end = len(series.values)
        ahead = len(series.covariates) - end
        if inputs.covariates and ahead < inputs.horizon:
            raise LaminaError(
                f"has {counted(ahead, 'row')} with covariates behind the last value; need "
                f"{inputs.horizon}: rows with a time and covariates, their values left empty",
                place=series.place,
            )
        group = inputs.ids.index(series.id)
        rows = torch.from_numpy(self.scale.rows(group, series, inputs, ahead=inputs.horizon))
        rows = rows[end - past : end + inputs.horizon, None]
        device = next(self.parameters()).device
        with self.evaluating():
            made = self(
                rows[:past].to(device),
                rows[past:, :, columns:].to(device),
                torch.tensor([group], device=device),
            )
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
        need = "series as model.read(FILE) gives them"
        for number, series in enumerate(several(examples, need), start=1):
            if not isinstance(series, Series):
                got = type(series).__name__
                raise LaminaError(f"got {got}; need {need}", place=f"example {number}")
            made = self.forecast(series)
            if not self.inputs.quantiles:
                made = made[..., 0]
            values = {name: made[:, i].tolist() for i, name in enumerate(self.inputs.series)}
            found.append({"id": series.id, "values": values})
        return found

    def predict(self, examples: Sequence[Series]) -> list[str]:
        """The same as JSON."""
        return [msgspec.json.encode(answer["values"]).decode() for answer in self.answers(examples)]
