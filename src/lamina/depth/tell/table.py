"""The table of a search for the terminal, during and after the search; 80 columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lamina.depth.ask.candidates import Candidate
from lamina.depth.ask.measure import Cost
from lamina.depth.phrases import listed_range
from lamina.depth.tell.told import Told, score
from lamina.depth.tell.verdict import Verdict
from lamina.depth.tell.words import without_network
from lamina.depth.trials import Trial, apart
from lamina.spec import Metric


def show(verdict: Verdict) -> RenderableType:
    """The verdict with its table: ``rich.print(show(verdict))``."""
    told = verdict.told()
    parts: list[RenderableType] = [
        table(verdict.metric, verdict.candidates, verdict.trials, told, verdict.costs)
    ]
    if told.baseline is not None:
        parts.append(Text(without_network(told), style="dim"))
    parts += [Text(), Text(verdict.headline, style="bold")]
    parts += [Text(reason) for reason in (*verdict.reasons, *verdict.surer)]
    return Group(*parts, *(Text(seen, style="dim") for seen in verdict.saw))


def table(
    metric: Metric,
    candidates: Iterable[Candidate],
    trials: Iterable[Trial],
    told: Told | None = None,
    costs: Iterable[Cost] = (),
    unknown: Collection[int] = (),
) -> Table:
    """One row per depth. Before the decision, the columns of gains and costs are omitted.
    ``unknown``: depths whose width and size have not been chosen yet."""
    trials, cost = apart(trials), {c.depth: c for c in costs}
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    # If 80 columns are too few, the gain with its interval takes two lines.
    grid.add_column("depth", justify="right", no_wrap=True)
    grid.add_column("width", justify="right", no_wrap=True)
    grid.add_column("params", justify="right", no_wrap=True)
    grid.add_column(metric.name, justify="right", no_wrap=True)
    if told is not None:
        grid.add_column("gain of layer", justify="right")
        grid.add_column("step ms", justify="right", no_wrap=True)
        grid.add_column("memory", justify="right", no_wrap=True)
    for candidate in candidates:
        d = candidate.depth
        chosen = told is not None and d == told.decision.depth
        cells = [
            ("\N{BLACK RIGHT-POINTING SMALL TRIANGLE} " if chosen else "") + str(d),
            "" if d in unknown else width(candidate),
            "" if d in unknown else parameters(candidate.parameters),
            score(metric, [trial for trial in trials if trial.depth == d]),
        ]
        if told is not None:
            cells.append(told.layer(d))
            cells.append(f"{cost[d].step_ms:.1f}" if d in cost else "")
            cells.append(size(cost[d].training_bytes) if d in cost else "")
        grid.add_row(*cells, style="bold" if chosen else None)
    return grid


def width(candidate: Candidate) -> str:
    """``128``, or ``64 to 65`` where layers differ."""
    if isinstance(candidate.width, int):
        return str(candidate.width)
    return listed_range(sorted(candidate.width))


def parameters(count: int) -> str:
    """``45,120``, ``1.24M``."""
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:.3g}M"


def size(count: int) -> str:
    """``3.4 MB``; powers of 1000."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5 or unit == "GB":
            return f"{amount:.0f} {unit}" if amount >= 99.5 else f"{amount:.3g} {unit}"
        amount /= 1000
    raise AssertionError
