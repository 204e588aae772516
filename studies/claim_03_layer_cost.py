"""Claim 3: what a layer costs, and whether time grows as the product of length and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from measured.lab import Lab, main
from measured.results import charts
from measured.results.finding import Claim, Finding, Table
from measured.results.intervals import Interval, Outcome, judge, mean, overall, telling
from measured.timing import quartiles, rounds

CLAIM = Claim(
    number=3,
    name="layer_cost",
    title="Each further layer costs 30% more time",
    says=(
        "Each further layer makes training about 30% slower, and time grows as T x L, steps times"
        " layers."
    ),
    sources=(
        "The 30%: a rule of thumb, with no known source for the figure.",
        "The growth with T: Zhang, Lipton, Li and Smola, *Dive into Deep Learning*, on the cost of"
        " a recurrent layer, O(n d^2) for n steps and d units.",
    ),
)
#: A layer costs "about 30%" between these; a power of T or L is "as T x L" between those.
LOW, HIGH = 20.0, 40.0
FLAT, STEEP = 0.9, 1.1
CELLS, WIDTHS, DEPTHS = ("lstm", "gru"), (64, 128, 256), (1, 2, 3, 4, 5, 6)
LENGTHS, GROWN = (25, 50, 100, 200, 400), (1, 2, 4, 6)
WORDS = {"source": "wikitext2", "level": "space", "max_tokens": 100_000}
#: Output -> how the text is read, and what a layer's input is.
OUTPUTS: dict[str, dict[str, Any]] = {
    "28 characters": {"source": "timemachine", "normalize": "letters"},
    "2,000 words": {**WORDS, "max_vocabulary": 2_000},
    "10,000 words": {**WORDS, "max_vocabulary": 10_000},
}
#: Tokens in a batch of the first part: 16 by 32; columns of the second part.
BATCH, STEPS, COLUMNS = 16, 32, 4
TURNS = 5
#: By output, cell, and width or axis.
Outcomes: TypeAlias = Mapping[tuple[str, ...], Outcome]


def measure(lab: Lab) -> tuple[Finding, str]:
    """Time every depth at every width, then every depth at every length."""
    depths = lab.some(DEPTHS, 3)
    settings = [(o, c, f"{w}") for o in OUTPUTS for c in CELLS for w in lab.some(WIDTHS)]
    times = rounds(
        lab, "language-model", {key: by_depth(lab, *key, depths) for key in settings}, TURNS
    )
    grid = [(t, d) for t in lab.some(LENGTHS, 3) for d in lab.some(GROWN)]
    grown = rounds(
        lab,
        "language-model",
        {(o, c): by_length(lab, o, c, grid) for o in OUTPUTS for c in CELLS},
        TURNS,
    )

    costs = {key: share(found, depths) for key, found in times.items()}
    growth = {key: fit(found, grid) for key, found in grown.items()}
    powers = {
        (*key, axis): power for key, (fitted, _) in growth.items() for axis, power in fitted.items()
    }
    layers: Outcomes = {key: judge(cost, LOW, HIGH) for key, cost in costs.items()}
    products: Outcomes = {key: within(power) for key, power in powers.items()}
    size, kind = "the size of the output", "the cell"
    first = overall(layers.values(), telling(layers, (size, kind, "the width")))
    second = overall(products.values(), telling(products, (size, kind, "the axis (T or L)")))
    verdict = first
    if first != second:
        verdict = f"depends on which half of the claim: the 30% {first}; T x L {second}"
    ordered = sorted(costs.values(), key=lambda cost: cost.mean)
    finding = Finding(
        verdict=verdict,
        because=(
            f"A layer adds {ordered[0].show('.0f')}% to {ordered[-1].show('.0f')}% of the time of"
            f" one layer; it adds about 30% in {_held(layers)} settings. Time grows with the power"
            f" {_range(powers, 'T')} of the steps and {_range(powers, 'L')} of the layers. (If it"
            " grew as the product, a second layer would double it: the two halves of the claim"
            " contradict each other.)"
        ),
        rule=(
            f"The first half holds in a setting if the cost of a layer is between {LOW:g} and"
            f" {HIGH:g}% and its interval excludes 0, and fails if the interval does not overlap"
            " that range. The second half holds if a power and its whole interval are between"
            f" {FLAT:g} and {STEEP:g}, and fails if the interval lies outside."
        ),
        setting=(
            "Training steps (both passes, clipping, Adam) of language models on one thread, in"
            " CPU time, with nothing else of the study running; networks that are compared take"
            f" turns in one process. A round is the median of {TURNS} turns; intervals are over"
            f" {len(lab.seeds)} rounds, each with new networks. Characters: one-hot input. Words:"
            f" the most frequent of WikiText-2, vectors as wide as a layer. Batches of {BATCH} by"
            f" {STEPS} tokens; for the growth, {COLUMNS} columns, {min(LENGTHS)} to {max(LENGTHS)}"
            " steps, layers of 128. The cost of a layer is the mean over the added layers, as a"
            " share of the time of one."
        ),
        tables=(
            _cost_table(times, costs, depths),
            _power_table(growth),
        ),
        seeds=len(lab.seeds),
        limits=(
            "One CPU, one thread, lamina's own core; the intervals show how well results repeat"
            " there. On a GPU, layers can overlap in time."
        ),
    )
    points = [
        {"panel": f"{output}, {cell.upper()}", "series": width, "x": depth, **_point(ratios)}
        for (output, cell, width), found in times.items()
        for depth, ratios in zip(depths, _to_first(found), strict=True)
    ]
    chart = charts.lines(
        points, x="layers", y="time of a step (one layer = 1)", series="units", shared=True
    )
    return finding, chart


def by_depth(
    lab: Lab, output: str, cell: str, width: str, depths: Sequence[int]
) -> list[dict[str, Any]]:
    """What is timed together: every depth of a setting."""
    data = read(lab, output, BATCH, STEPS)
    return [{"data": data, "model": network(output, cell, int(width), d)} for d in depths]


def by_length(
    lab: Lab, output: str, cell: str, grid: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """The same for pairs of steps and layers."""
    return [
        {"data": read(lab, output, COLUMNS, t), "model": network(output, cell, 128, d)}
        for t, d in grid
    ]


def read(lab: Lab, output: str, columns: int, steps: int) -> dict[str, Any]:
    """The data of an output."""
    source = OUTPUTS[output]["source"]
    data = {**OUTPUTS[output], "batch_size": columns, "steps": steps}
    return {**data, "source": lab.source("language-model", source)}


def network(output: str, cell: str, width: int, depth: int) -> dict[str, Any]:
    """Options of a model."""
    embedding = "onehot" if output == "28 characters" else width
    return {"cell": cell, "width": width, "depth": depth, "embedding": embedding}


def fit(
    found: Sequence[Sequence[float]], grid: Sequence[tuple[int, int]]
) -> tuple[dict[str, Interval], dict[str, float]]:
    """The powers of T and of L in the time of a step, and how far, in percent, a fit is off at
    worst: of c T L, and of a + b T + c T L."""
    measured = np.array(found)
    steps, layers = np.array(grid, dtype=np.float64).T
    logs = np.stack([np.ones_like(steps), np.log(steps), np.log(layers)], axis=1)
    fitted = np.linalg.lstsq(logs, np.log(measured), rcond=None)[0]
    powers = {"T": mean(fitted[1].tolist()), "L": mean(fitted[2].tolist())}
    product = (steps * layers)[:, None]
    linear = np.stack([np.ones_like(steps), steps, steps * layers], axis=1)
    return powers, {"c T L": worst(product, measured), "a + b T + c T L": worst(linear, measured)}


def worst(terms: np.ndarray, found: np.ndarray) -> float:
    """How far at worst, in percent of the measured, a fit of ``terms`` ``(N, K)`` to the medians of
    ``found`` ``(N, rounds)`` is off. Relative errors are what is made small."""
    measured = np.median(found, axis=1)
    scaled = terms / measured[:, None]
    coefficients = np.linalg.lstsq(scaled, np.ones_like(measured), rcond=None)[0]
    return float(100 * np.abs(scaled @ coefficients - 1).max())


def share(found: Sequence[Sequence[float]], depths: Sequence[int]) -> Interval:
    """Percent of one layer's time that each further layer adds, over rounds."""
    return mean(
        [
            100 * (deepest / first - 1) / (depths[-1] - depths[0])
            for first, deepest in zip(found[0], found[-1], strict=True)
        ]
    )


def within(power: Interval) -> Outcome:
    """Whether a power is that of a product, with its interval."""
    if power.high < FLAT or power.low > STEEP:
        return "fails"
    return "holds" if power.low > FLAT and power.high < STEEP else "open"


def _to_first(found: Sequence[Sequence[float]]) -> list[Interval]:
    return [
        mean([this / first for this, first in zip(each, found[0], strict=True)]) for each in found
    ]


def _point(ratio: Interval) -> dict[str, float]:
    return {"y": ratio.mean, "low": ratio.low, "high": ratio.high}


def _held(outcomes: Outcomes) -> str:
    return f"{sum(o == 'holds' for o in outcomes.values())} of {len(outcomes)}"


def _range(powers: Mapping[tuple[str, ...], Interval], axis: str) -> str:
    values = [power.mean for key, power in powers.items() if key[-1] == axis]
    return f"{min(values):.2f} to {max(values):.2f}"


def _cost_table(
    times: Mapping[tuple[str, str, str], Sequence[Sequence[float]]],
    costs: Mapping[tuple[str, str, str], Interval],
    depths: Sequence[int],
) -> Table:
    rows = []
    for key, found in times.items():
        output, cell, width = key
        ratios = _to_first(found)
        steps = [f"{100 * (b.mean / a.mean - 1):+.0f}%" for a, b in pairwise(ratios)]
        rows.append(
            (f"{output}, {cell.upper()}", width, quartiles(found[0]), *steps, costs[key].show())
        )
    head = (
        "output, cell", "units", "ms per step of one layer: median (quartiles)",
        *(f"to {depth}" for depth in depths[1:]), "each further layer, % of the time of one",
    )  # fmt: skip
    return Table(head, tuple(rows), "What each layer adds to the time of the depth before:")


def _power_table(
    growth: Mapping[tuple[str, str], tuple[dict[str, Interval], dict[str, float]]],
) -> Table:
    rows = [
        (
            f"{output}, {cell.upper()}",
            *(power.show(".2f") for power in powers.values()),
            *(f"{off:.0f}%" for off in worst.values()),
        )
        for (output, cell), (powers, worst) in growth.items()
    ]
    head = (
        "output, cell",
        "power of T",
        "power of L",
        "c T L is off by",
        "a + b T + c T L is off by",
    )
    title = "How time grows, and the worst error of two fits to the medians (b: input and output):"
    return Table(head, tuple(rows), title)


if __name__ == "__main__":
    main(CLAIM, measure)
