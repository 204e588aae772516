"""What verdicts of every outcome say to people, as one text: ``tests/depth/tell/prose.txt``.

``python tests/support/searches/verdict_prose.py`` writes that file anew; read its diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
from rich.console import Console

from lamina.depth.plan.problem import Problem
from lamina.depth.plan.strategies import STRATEGIES
from lamina.depth.tell.report import render
from lamina.depth.tell.surer import surer
from lamina.depth.tell.table import show
from lamina.depth.tell.verdict import Verdict
from lamina.spec import PERPLEXITY
from lamina.tasks.forecast.task import MSE
from strategy_world import PROBLEMS, World, play
from verdict_maker import make_verdict

FILE = Path(__file__).parents[2] / "depth" / "tell" / "prose.txt"
NAN = float("nan")

CASES: dict[str, Verdict] = {
    "two layers are enough": make_verdict(
        {1: [0.881, 0.884, 0.879], 2: [0.904, 0.907, 0.905], 3: [0.906, 0.904, 0.907]}, baseline=0.5
    ),
    "perplexity": make_verdict(
        {1: [7.1, 7.15, 7.08], 2: [6.5, 6.52, 6.47], 3: [6.48, 6.51, 6.5]}, metric=PERPLEXITY
    ),
    "undecided, and worse": make_verdict({1: [0.90, 0.91], 2: [0.89, 0.90], 3: [0.88, 0.90]}),
    "too close to call": make_verdict({1: [0.881, 0.884, 0.879], 2: [0.891, 0.894, 0.889]}),
    "one seed, near chance": make_verdict({1: [0.504], 2: [0.505]}, baseline=0.5, checked=180),
    "a deeper one fails": make_verdict({1: [0.8, 0.801, 0.802], 2: [NAN, NAN, NAN]}),
    "some get stuck": make_verdict({1: [0.8, 0.801, 0.802], 2: [0.8, 0.801, 0.4]}, improving=True),
    "none gets through": make_verdict({1: [NAN, NAN], 2: [NAN, NAN]}),
    "layers have a price": make_verdict(
        {1: [0.881, 0.884, 0.879], 2: [0.924, 0.927, 0.925], 4: [0.926, 0.924, 0.927]},
        cost_per_layer=2.0,
    ),
    "layers have a price, undecided": make_verdict(
        {1: [0.871, 0.884, 0.879], 2: [0.904, 0.917, 0.905]}, cost_per_layer=2.0
    ),
    "nothing is learned": make_verdict({1: [0.5, 0.5], 2: [0.5, 0.5]}, baseline=0.52),
    "a wrong scale": make_verdict(
        {1: [9.2e24, 9.3e24], 2: [9.1e24, 9.4e24]}, metric=MSE, baseline=0.5
    ),
    "nothing is bounded": make_verdict({1: [0.75, 0.97], 2: [0.7, 0.95]}),
    "the ceiling is near": make_verdict({1: [0.97, 0.975, 0.98], 2: [0.96, 0.99, 0.93]}),
    "deeper ones are not judged": make_verdict(
        {1: [0.881, 0.884, 0.879], 2: [0.904, 0.907, 0.905]}, asked=(1, 2, 3, 4, 5)
    ),
    "open, and one is not judged": make_verdict(
        {1: [0.881, 0.884, 0.879], 2: [0.888, 0.893, 0.884]}, asked=(1, 2, 4)
    ),
    "one depth": make_verdict({2: [0.88, 0.881]}),
}


#: Strategies that draw nothing from Optuna, whose draws differ between versions.
SAW: dict[str, Problem] = {
    "grid": PROBLEMS["values"],
    "race": replace(PROBLEMS["plain"], budget_seconds=60.0),
    "grow": PROBLEMS["plain"],
    "relax": PROBLEMS["plain"],
    "pareto": PROBLEMS["one value"],
}


def prose() -> str:
    """Headline, reasons and what would make it surer; what strategies say of their decisions; then,
    of the first verdict, terminal and report."""
    parts = [f"# {name}\n\n" + "\n".join(_said(verdict)) for name, verdict in CASES.items()]
    parts += [f"# strategy {name}\n\n" + "\n".join(_saw(name)) for name in SAW]
    first = next(iter(CASES.values()))
    first = msgspec.structs.replace(first, surer=tuple(_surer(first)))
    console = Console(width=80)
    with console.capture() as capture:
        console.print(show(first))
    table = "\n".join(line.rstrip() for line in capture.get().splitlines())
    page = "\n".join(Text(render(first, "lamina depth classify reviews.csv")).lines)
    return (
        "\n\n".join([*parts, f"# in the terminal\n\n{table}", f"# in the report\n\n{page}"]) + "\n"
    )


def _said(verdict: Verdict) -> Iterator[str]:
    yield verdict.headline
    yield from verdict.reasons
    yield from _surer(verdict)


def _saw(name: str) -> Sequence[str]:
    problem = SAW[name]
    strategy = STRATEGIES[name](problem)
    play(strategy, World(problem))
    return strategy.saw()


def _surer(verdict: Verdict) -> tuple[str, ...]:
    metric, depths = verdict.metric, tuple(c.depth for c in verdict.candidates)
    margin, price = verdict.decision.margin, verdict.decision.cost_per_layer
    problem = Problem(
        depths=depths,
        seeds=3,
        epochs=4,
        metric=metric,
        margin=margin,
        cost_per_layer=price,
        baseline=verdict.baseline,
    )
    utilities = {
        score.depth: [t.utility(metric) for t in verdict.trials if t.depth == score.depth]
        for score in verdict.decision.scores
    }
    assert problem.decide(utilities) == verdict.decision
    return surer(problem, utilities, 1, verdict.trials)


class Text(HTMLParser):
    """The visible text of a page, a line a block."""

    INLINE = frozenset({"code", "td", "th"})

    def __init__(self, page: str):
        super().__init__()
        self.lines: list[str] = [""]
        self.hidden = 0
        self.feed(page)
        self.lines = [" ".join(line.split()) for line in self.lines if line.strip()]

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style", "details")
        if tag not in self.INLINE:
            self.lines.append("")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style", "details")
        self.lines[-1] += " | " if tag in ("td", "th") else ""

    def handle_data(self, data):
        if not self.hidden:
            self.lines[-1] += re.sub(r"\s+", " ", data)


if __name__ == "__main__":
    FILE.write_text(prose(), encoding="utf-8")
