"""Charts of the studies: SVG that is read in print too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import altair as alt
import vl_convert

INK, QUIET, GRID = "#1c2530", "#5b6673", "#e6e9ed"
_FONT = "Helvetica, Arial, sans-serif"
#: Okabe and Ito (2008): told apart by every kind of colour vision; shapes tell them apart in grey.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c2530", "#8a6d00")
#: Dashes of lines, likewise; the first is solid.
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [1, 3], [10, 4], [4, 4], [12, 2])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke", "arrow")

#: A row a point: ``x``, ``y``, ``series``; ``low`` and ``high`` of its interval where there is
#: one, and ``panel`` where there are several.
Rows: TypeAlias = Sequence[Mapping[str, Any]]


def lines(
    rows: Rows, *, x: str, y: str, series: str = "", kind: str = "ordinal", log: bool = False,
    columns: int = 2, shared: bool = False, own_x: bool = False, width: int | None = None,
    height: int = 200,
    order: Sequence[str] | None = None, joined: bool = True,
) -> str:  # fmt: skip
    """SVG of lines through points with their intervals, a panel for each ``panel``, whose name may
    have several lines.

    x, y, series: titles; a logarithmic scale is named there. kind: of x, ``ordinal`` or
    ``quantitative`` or ``log``. log: y is logarithmic. shared: panels have one scale of y. own_x:
    each has its own of x. order: of the series. joined: whether a line joins the points.
    """
    x += ", log scale" * (kind == "log")
    y += ", log scale" * log
    names = list(order or dict.fromkeys(str(row.get("series", "")) for row in rows))
    several = len(names) > 1
    axis = {
        "ordinal": alt.X("x:O", title=x, axis=alt.Axis(labelAngle=0, grid=False)),
        "quantitative": alt.X("x:Q", title=x, scale=alt.Scale(zero=False)),
        "log": alt.X("x:Q", title=x, scale=alt.Scale(type="log")),
    }[kind]
    scale = alt.Scale(zero=False, nice=True, type="log" if log else "linear")
    legend = alt.Legend(title=series or None, orient="top", symbolSize=70, columns=4, labelLimit=0)
    dash = alt.StrokeDash(
        "series:N",
        scale=alt.Scale(domain=names, range=list(DASHES[: len(names)])),
        legend=legend if several else None,
    )
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)])),
        legend=legend if several else None,
    )
    shape = alt.Shape(
        "series:N",
        scale=alt.Scale(domain=names, range=list(SHAPES[: len(names)])),
        legend=legend if several else None,
    )
    base = alt.Chart().encode(x=axis, color=colour)
    layers = [
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
            y=alt.Y("low:Q", title=y, scale=scale), y2="high:Q"
        ),
        *(
            [
                base.mark_line(strokeWidth=1.8).encode(
                    y=alt.Y("y:Q", title=y, scale=scale), strokeDash=dash
                )
            ]
            * joined
        ),
        base.mark_point(size=55, filled=True, opacity=1).encode(
            y=alt.Y("y:Q", title=y, scale=scale), shape=shape
        ),
    ]
    data = [
        {"low": row.get("y"), "high": row.get("y"), "series": "", "panel": "", **row}
        for row in rows
    ]
    panels = list(dict.fromkeys(row["panel"] for row in data))
    chart: Any = alt.layer(*layers, data=alt.Data(values=data))
    if len(panels) > 1:
        row = (72 if own_x else 36) + 14 * any("\n" in panel for panel in panels)
        header = alt.Header(labelExpr=r"split(datum.label, '\n')")
        chart = chart.properties(width=width or 680 // columns - 64, height=height)
        chart = chart.facet(
            facet=alt.Facet("panel:N", title=None, sort=panels, header=header), columns=columns
        ).resolve_scale(
            x="independent" if own_x else "shared", y="shared" if shared else "independent"
        )
        # Plots line up; numbers and titles of the axes stand in the space between.
        chart = chart.properties(align="all", bounds="flush", spacing={"column": 64, "row": row})
    else:
        chart = chart.properties(width=width or 560, height=height + 60)
    return svg(chart)


def dots(
    rows: Rows, *, x: str, at: float | None = None, columns: int = 2, shared: bool = False,
    width: int = 200,
) -> str:  # fmt: skip
    """SVG of named values with their intervals, one below the other: names at the left, a panel
    for each ``panel``, each with an axis of its own unless ``shared``.

    rows: ``name``, ``x``, ``low``, ``high``, and ``panel`` where there are several. x: a title. at:
    where a dashed line is drawn.
    """
    names = list(dict.fromkeys(row["name"] for row in rows))
    y = alt.Y("name:N", title=None, sort=names, axis=alt.Axis(grid=True, labelLimit=0))
    scale = alt.Scale(zero=False, nice=True)
    layers = [
        alt.Chart().mark_rule(strokeWidth=1.5, color=COLOURS[0]).encode(
            x=alt.X("low:Q", title=x, scale=scale), x2="high:Q", y=y
        ),
        alt.Chart().mark_point(size=55, filled=True, opacity=1, color=COLOURS[0]).encode(
            x=alt.X("x:Q", title=x, scale=scale), y=y
        ),
    ]  # fmt: skip
    if at is not None:
        line = alt.Chart().mark_rule(strokeDash=[4, 3], color=QUIET)
        layers.insert(0, line.encode(x=alt.datum(at, type="quantitative")))
    data = [{"panel": "", **row} for row in rows]
    panels = list(dict.fromkeys(row["panel"] for row in data))
    chart: Any = alt.layer(*layers, data=alt.Data(values=data))
    chart = chart.properties(width=width, height=26 * len(names))
    if len(panels) > 1:
        chart = chart.facet(
            facet=alt.Facet("panel:N", title=None, sort=panels), columns=columns
        ).resolve_scale(x="shared" if shared else "independent")
    return svg(chart)


def svg(chart: Any) -> str:
    """An altair chart in the style of all studies, on white."""
    dressed = (
        chart.configure(font=_FONT, background="white", padding=10)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK, titleColor=INK, titleFontWeight="normal", gridColor=GRID,
            domainColor=QUIET, tickColor=QUIET, labelFontSize=12, titleFontSize=12,
            labelSeparation=6,
        )
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=12, titleFontSize=12)
        .configure_header(labelColor=INK, labelFontSize=13)
    )  # fmt: skip
    return vl_convert.vegalite_to_svg(dressed.to_json())
