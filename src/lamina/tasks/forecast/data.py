"""Where time series come from, and how they are read and split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from lamina.data import TABLES, as_shares, find, fingerprint
from lamina.data.time.series import MissingSteps, Series, SeriesTable, read_series
from lamina.data.time.time_formats import read_time, write_times
from lamina.data.time.timestamps import Calendar
from lamina.spec import LaminaError
from lamina.tasks.fields import Encoding, SourceData
from lamina.tasks.forecast.inputs import ForecastInputs, Loss, check_quantiles

#: Corpora of time series: the fields that their users leave to custom.
NAMED: dict[str, dict[str, Any]] = {"etth1": {"time": "date", "rows": (8640, 2880, 2880)}}
#: Steps of a series; more do not fit the index of a window.
Steps = Annotated[int, Meta(ge=1, lt=2**31)]


class ForecastData(SourceData, frozen=True, kw_only=True):
    """Where the series are and how they are read, split, forecast and batched."""

    corpora = NAMED

    source: Annotated[
        str,
        Meta(
            description=f"A table ({', '.join(TABLES.suffixes)}), or the name of a corpus "
            f"({', '.join(NAMED)})."
        ),
    ]
    time: Annotated[
        str, Meta(description="The time column: dates, date-times or integers, evenly spaced.")
    ] = "date"
    id: Annotated[
        str | None,
        Meta(description="The column that names the series of each row; None: a wide table."),
    ] = None
    series: Annotated[
        tuple[str, ...],
        Meta(description="The columns to forecast; empty: every other numeric column."),
    ] = ()
    covariates: Annotated[
        tuple[str, ...], Meta(description="Numeric columns that are known in advance.")
    ] = ()
    calendar: Annotated[
        tuple[Calendar, ...],
        Meta(
            description="Features derived from the time, each as the sine and cosine of its cycle."
        ),
    ] = ()
    time_format: Annotated[
        str | None,
        Meta(
            description="The time format as in strftime (%d.%m.%Y); None: recognised from the "
            "first row."
        ),
    ] = None
    missing: Annotated[
        MissingSteps,
        Meta(
            description="Refuse empty values and skipped time stamps, or fill them with the last "
            "value (forward), unscored."
        ),
    ] = "refuse"
    look_back: Annotated[Steps, Meta(description="Steps that a forecast reads.")] = 96
    horizon: Annotated[Steps, Meta(description="Steps that it predicts.")] = 24
    encoding: Encoding = None
    fractions: Annotated[
        tuple[float, float, float],
        Meta(description="Shares of train, validation and test, in time order."),
    ] = (0.7, 0.1, 0.2)
    rows: Annotated[
        tuple[int, int, int] | None,
        Meta(
            description="Numbers of rows of train, validation and test instead; later rows are "
            "unused."
        ),
    ] = None
    dates: Annotated[
        tuple[str, str] | None, Meta(description="The start of validation and of test instead.")
    ] = None
    loss: Annotated[
        Loss,
        Meta(
            description="The training loss: squared or absolute error, or the pinball loss of "
            "quantiles."
        ),
    ] = "mae"
    quantiles: Annotated[
        tuple[float, ...],
        Meta(description="The quantiles to predict with loss=quantile, the median among them."),
    ] = (0.1, 0.5, 0.9)
    season: Annotated[
        Steps | None,
        Meta(
            description="Steps in a season, for the seasonal naive forecast; None: by the spacing "
            "of the rows (24 for hours, 7 for days, 12 for months)."
        ),
    ] = None
    batch_size: Annotated[Steps, Meta(description="Windows per batch.")] = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rows is not None and self.dates is not None:
            raise LaminaError("got rows and dates; need one of the two to split by")
        if self.rows is not None and (self.rows[0] < 1 or min(self.rows) < 0):
            raise LaminaError(f"rows is {self.rows}; need numbers of rows, of train at least 1")
        check_quantiles(self.quantiles)
        if self.loss != "quantile" and self.quantiles != (0.1, 0.5, 0.9):
            raise LaminaError(f"got quantiles with loss={self.loss!r}; need loss='quantile'")

    def resolved(self) -> ForecastData:
        """With the customs of a named corpus in the fields that were left as they are."""
        if not self.named:
            return self
        left = {f.name: f.default for f in msgspec.structs.fields(type(self))}
        custom = {k: v for k, v in NAMED[self.source].items() if getattr(self, k) == left[k]}
        if self.dates is not None or self.fractions != left["fractions"]:
            custom.pop("rows", None)
        return msgspec.structs.replace(self, **custom)


def read(data: ForecastData) -> tuple[SeriesTable, ForecastInputs, dict[str, str]]:
    """The series, what a model of them reads, and the file's fingerprint.

    Raises:
        LaminaError: a file that cannot be read, with the line.
    """
    path = find(data.source)["table"] if data.named else Path(data.source)
    table = read_series(
        path,
        time=data.time,
        id=data.id,
        columns=data.series,
        covariates=data.covariates,
        time_format=data.time_format,
        missing=data.missing,
    )
    if data.calendar and table.step.unit == "index":
        raise LaminaError(
            f"column {data.time!r} holds whole numbers; need dates for calendar features",
            place=table.path,
        )
    inputs = ForecastInputs(
        time=data.time,
        id=data.id,
        ids=tuple(series.id for series in table.series),
        series=tuple(table.columns),
        covariates=data.covariates,
        calendar=data.calendar,
        # Told from all the values: those of another file may not say which comes first.
        time_format=data.time_format or (table.form if table.form[:2] in ("%d", "%m") else None),
        missing=data.missing,
        look_back=data.look_back,
        horizon=data.horizon,
        loss=data.loss,
        quantiles=data.quantiles if data.loss == "quantile" else (),
        season=data.season or table.step.season,
        step=table.step,
    )
    return table, inputs, {str(path): fingerprint(path)}


def split(data: ForecastData, table: SeriesTable, series: Series) -> tuple[int, int, int]:
    """Where train, validation and test end in a series: rows, by position in time.

    Raises:
        LaminaError: a part that has a share is too short for one window. Only look-backs of
            validation and test may reach into the part before.
    """
    count = len(series.values)
    if data.dates is not None:
        first, second = (read_time(text, table.form, "dates") for text in data.dates)
        if first > second:
            raise LaminaError(f"dates are {data.dates}; need validation to begin before test")
        # To leave a part out, its date may be that of the row after the last.
        last = max(int(one.times[-1]) for one in table.series)
        behind = int(table.step.after(last, 1)[-1])
        if second > behind:
            raise LaminaError(
                f"dates are {data.dates}, and the last time is "
                f"{write_times(np.array([last]), table.form)[0]}; need dates within the file",
                place=str(table.path),
            )
        ends = (*np.searchsorted(series.times, [first, second]).tolist(), count)
    elif data.rows is not None:
        ends = tuple(np.cumsum(data.rows).tolist())
        if ends[2] > count:
            raise LaminaError(
                f"rows are {data.rows}, together {ends[2]:,}; there are {count:,}",
                place=series.place,
            )
    else:
        shares = as_shares(data.fractions)
        ends = (*(round(count * share) for share in np.cumsum(shares)[:2]), count)
    train, validation, test = ends
    for name, begin, end, need in (
        ("train", 0, train, data.look_back + data.horizon),
        ("validation", train, validation, data.horizon),
        ("test", validation, test, data.horizon),
    ):
        if (end > begin or name == "train") and end - begin < need:
            raise LaminaError(
                f"{name} has {end - begin:,} of {count:,} rows; one window needs {need:,} "
                f"(look_back {data.look_back}, horizon {data.horizon}). Bring more rows, or lower "
                "these.",
                place=series.place,
            )
    return train, validation, test
