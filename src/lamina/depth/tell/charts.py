"""The charts of the report, as Vega-Lite specifications."""

from __future__ import annotations

import math
import statistics
from typing import Any, TypeAlias

import altair as alt

from lamina.depth.tell.told import Told, on_chart
from lamina.depth.tell.verdict import Verdict
from lamina.depth.trials import apart, longest
from lamina.spec import Metric

#: A Vega-Lite specification: JSON values.
Spec: TypeAlias = dict[str, Any]
Rows: TypeAlias = list[dict[str, Any]]

INK, QUIET, GRID = "#1c2530", "#5b6673", "#e6e9ed"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
#: From amber through red and violet to nearly black: lightness falls with depth, at five depths by
#: at least 10 of 100 (CIE L*) per step, so that neighbours are distinct for every kind of colour
#: vision and in greyscale.
_COLOURS = ((242, 169, 0), (224, 92, 58), (176, 38, 110), (91, 42, 157), (11, 16, 51))
#: Minimum distance between line labels, as a share of the height.
_APART = 0.05


def scores(verdict: Verdict, told: Told) -> Spec:
    """Depth against score: each seed, the mean with its interval, and the band that a deeper
    network must leave to be worthwhile."""
    metric = verdict.metric
    seeds: Rows = [
        {"depth": t.depth, "seed": t.seed, "score": on_chart(metric, t.value)}
        for t in apart(verdict.trials)
        if t.value is not None
    ]
    means: Rows = [
        {"depth": s.depth, "mean": s.mean, "low": s.low, "high": s.high}
        for s in told.scores
        if s.mean is not None
    ]
    x = alt.X(
        "depth:O",
        title="layers",
        axis=alt.Axis(labelAngle=0, grid=False),
        scale=alt.Scale(domain=_depths(verdict)),  # include depths that diverged
    )
    colour = _by_depth(verdict, legend=False)
    ends = [row["score"] for row in seeds] + [row[k] for row in means for k in ("low", "high")]
    band: list[Any] = []
    if told.band is not None:
        low, edge = told.band
        ends += [low, edge]
        rows = alt.Chart(_data([{"start": low, "edge": edge}]))
        band = [
            rows.mark_rect(color="#eef1f4").encode(y=alt.Y("start:Q"), y2="edge:Q"),
            rows.mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y=alt.Y("edge:Q")),
        ]
    blind: list[Any] = []
    if told.baseline is not None and _near(told.baseline, ends):
        ends.append(told.baseline)
        rows = alt.Chart(_data([{"blind": ends[-1], "text": "without a network"}]))
        blind = [
            rows.mark_rule(color=INK, strokeDash=[2, 3], strokeWidth=1).encode(y="blind:Q"),
            rows.mark_text(align="left", baseline="bottom", x=4, dy=-3, color=QUIET).encode(
                y="blind:Q", text="text:N"
            ),
        ]
    y = alt.Y(
        "score:Q",
        title=unit_title(metric),
        scale=alt.Scale(domain=_padded(ends), nice=False, zero=False),
    )
    interval = alt.Chart(_data(means)).encode(x=x, color=colour)
    layers = [
        *band,
        *blind,
        alt.Chart(_data(seeds))
        .mark_circle(size=46, opacity=0.45, xOffset=-14)
        .encode(
            x=x,
            y=y,
            color=colour,
            tooltip=["depth:O", "seed:O", alt.Tooltip("score:Q", format=".4r")],
        ),
        interval.mark_rule(strokeWidth=2.5).encode(y=alt.Y("low:Q"), y2="high:Q"),
        interval.mark_point(size=90, filled=True, opacity=1).encode(
            y=alt.Y("mean:Q"), tooltip=["depth:O", alt.Tooltip("mean:Q", format=".4r")]
        ),
    ]
    return _spec(alt.layer(*layers), 320, "Score of every depth")


def learning_curves(verdict: Verdict) -> Spec:
    """Validation score by epoch: every seed as a thin line, the median of each depth as a thick
    one."""
    metric = verdict.metric
    # Includes paused runs, but not those with settings other than the search's.
    drawn = (*verdict.trials, *(t for t in verdict.tried if t.job.kind == "train" and t.unchanged))
    every: Rows = [
        {"depth": t.depth, "seed": t.seed, "epoch": epoch, "score": on_chart(metric, value)}
        for t in apart(longest(drawn))
        for epoch, value in t.curve
    ]
    # Relative metrics fall by orders of magnitude; a log scale shows equal ratios alike.
    log = metric.gain == "relative"
    low, high = _range([row["score"] for row in every], log)
    y = alt.Y(
        "score:Q",
        title=unit_title(metric),
        scale=alt.Scale(
            type="log" if log else "linear", domain=[low, high], zero=False, nice=False
        ),
    )
    x = alt.X("epoch:Q", title="epoch", axis=_whole_epochs(every))
    colour = _by_depth(verdict)
    thin = alt.Chart(_data(every)).mark_line(opacity=0.3, strokeWidth=1)
    medians = _medians(every)
    thick = alt.Chart(_data(medians)).mark_line(strokeWidth=2.5, point=_dots(every))
    names = alt.Chart(_data(_line_ends(medians, low, high, log))).mark_text(
        align="left", dx=7, fontSize=13, fontWeight="bold"
    )
    chart = alt.layer(
        thin.encode(x=x, y=y, color=colour, detail="seed:N"),
        thick.encode(x=x, y=y, color=colour),
        names.encode(x=x, y=y, color=colour, text="depth:O"),
    )
    return _spec(chart, 320, "Learning curves of every depth")


def cost(verdict: Verdict, title: str, values: dict[int, float], format: str) -> Spec:
    """One labelled bar per depth, for one kind of cost."""
    rows: Rows = [{"depth": depth, "value": value} for depth, value in values.items()]
    colour = _by_depth(verdict, legend=False)
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("depth:O", title="layers", axis=alt.Axis(labelAngle=0, grid=False)),
        x=alt.X(
            "value:Q",
            title=None,
            axis=None,
            # Room for the numbers on the right.
            scale=alt.Scale(domain=[0, 1.55 * max(values.values(), default=1.0)]),
        ),
    )
    bars = base.mark_bar(height={"band": 0.6}).encode(color=colour)
    numbers = base.mark_text(align="left", dx=5, color=INK).encode(
        text=alt.Text("value:Q", format=format)
    )
    return _spec(alt.layer(bars, numbers), 30 * len(rows) + 10, title)


def unit_title(metric: Metric) -> str:
    """The title of the score axis; mentions if lower is better."""
    name = f"{metric.name}, %" if metric.gain == "points" else metric.name
    return name if metric.higher_is_better else f"{name} (lower is better)"


def _depths(verdict: Verdict) -> list[int]:
    return [candidate.depth for candidate in verdict.candidates]


def _near(value: float, ends: list[float]) -> bool:
    """Whether a line at ``value`` leaves at least half of the height for the scores."""
    if not ends:
        return False
    low, high = min(ends), max(ends)
    return low - (high - low) <= value <= high + (high - low)


def _by_depth(verdict: Verdict, legend: bool = True) -> alt.Color:
    top = alt.Legend(
        title="layers", orient="top", symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=3
    )
    depths = _depths(verdict)
    scale = alt.Scale(domain=depths, range=colours(len(depths)))
    return alt.Color("depth:O", scale=scale, legend=top if legend else None)


def colours(count: int) -> list[str]:
    """``count`` colours, as ``#rrggbb``, evenly spaced over the scale."""
    found = []
    for k in range(count):
        at = k / max(count - 1, 1) * (len(_COLOURS) - 1)
        low = min(int(at), len(_COLOURS) - 2)
        pairs = zip(_COLOURS[low], _COLOURS[low + 1], strict=True)
        mixed = [round(a + (at - low) * (b - a)) for a, b in pairs]
        found.append("#" + "".join(f"{part:02x}" for part in mixed))
    return found


def _line_ends(medians: Rows, low: float, high: float, log: bool) -> Rows:
    """The position of each depth's label next to its line: at its last epoch, moved up or down so
    that no two are closer than :data:`_APART` of the height from ``low`` to ``high``."""

    def height(score: float) -> float:
        if log:
            return math.log(score / low) / math.log(high / low)
        return (score - low) / (high - low)

    ends = {row["depth"]: row for row in sorted(medians, key=lambda row: row["epoch"])}
    rows = sorted(ends.values(), key=lambda row: row["score"])
    places = [height(row["score"]) for row in rows]
    for _ in range(100):  # neighbours push each other apart, but stay in the chart
        places[-1:] = [min(place, 1.0) for place in places[-1:]]
        for k in range(1, len(places)):
            lack = _APART - (places[k] - places[k - 1])
            if lack > 0:
                places[k - 1], places[k] = places[k - 1] - lack / 2, places[k] + lack / 2
    back = (low * (high / low) ** p if log else low + p * (high - low) for p in places)
    return [{**row, "score": score} for row, score in zip(rows, back, strict=True)]


def _medians(rows: Rows) -> Rows:
    """The median over seeds at each epoch that at least half of them reached."""
    seeds: dict[int, set[int]] = {}
    at: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        seeds.setdefault(row["depth"], set()).add(row["seed"])
        at.setdefault((row["depth"], row["epoch"]), []).append(row["score"])
    return [
        {"depth": depth, "epoch": epoch, "score": statistics.median(values)}
        for (depth, epoch), values in at.items()
        if 2 * len(values) >= len(seeds[depth])
    ]


def _whole_epochs(rows: Rows) -> alt.Axis:
    """Ticks at whole epochs, about ten of them."""
    last = max((row["epoch"] for row in rows), default=1)
    stride = max(1, round(last / 10))
    values = [1, *range(stride, last + 1, stride)] if stride > 1 else [*range(1, last + 1)]
    return alt.Axis(values=values, format="d", grid=False)


def _dots(rows: Rows) -> Any:
    """Dots on lines with a single evaluation, which would be invisible."""
    alone = len({row["epoch"] for row in rows}) == 1
    return alt.OverlayMarkDef(filled=True, size=50) if alone else False


def _padded(values: list[float]) -> list[float]:
    """The range of ``values`` with some padding at both ends."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (high - low) or 0.5
    return [low - room, high + room]


def _range(values: list[float], log: bool) -> tuple[float, float]:
    """The limits of an axis for ``values``, never equal."""
    if not log:
        low, high = _padded(values)
        return low, high
    low, high = min(values, default=1.0), max(values, default=2.0)
    room = (high / low) ** 0.04 if high > low else 1.1
    return low / room, high * room


def _data(rows: Rows) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _spec(chart: alt.LayerChart | alt.FacetChart, height: int, description: str) -> Spec:
    styled = (
        chart.properties(
            width="container", height=height, description=description, background="transparent"
        )
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=QUIET,
            titleColor=QUIET,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            gridColor=GRID,
            domainColor="#c5ccd4",
            ticks=False,
            labelPadding=6,
        )
        .configure_legend(
            labelColor=QUIET,
            titleColor=QUIET,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_text(fontSize=12)
    )
    return styled.to_dict()
