"""Searches with real training runs: the answer of each strategy, and its share of the grid's time.

All strategies of a case work in one folder, so that each run is made once and reused by the others,
but each has a study of its own: otherwise each would count as another look at the previous one.
Each strategy is charged for every run it requested: the seconds the run took when it was made, up
to the requested epoch. ``grow`` needs residual layers, so its networks differ from those of the
others. Finished cases are stored in ``cases.json`` in the folder; the same command resumes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from lamina.depth import search
from lamina.depth.run.storage import sqlite_url
from lamina.depth.tell.progress import SilentSearch
from lamina.store.atomic import write_text
from strategy_rows.problems import Question, make

#: Cases of each question. ``race`` searches all of them; the grid the first :data:`WITH_GRID`, and
#: every other strategy the first :data:`WITH_OTHERS`.
CASES = {"line": 100, "between": 50, "digits": 10, "timemachine": 10}
WITH_GRID, WITH_OTHERS = 10, 10
DEPTHS, SEEDS = (1, 2, 3, 4, 5), 5


def run(names: Sequence[str], questions: Sequence[str], folder: Path, *, quick: bool) -> None:
    """Run all remaining cases, then print the table."""
    strategies = ["grid", *(name for name in names if name != "grid")]
    file = folder / "cases.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for question, draw, name in _plan(strategies, questions, quick):
        key = f"{question} {draw} {name}"
        if key in kept:
            continue
        asked = make(question, folder, draw=draw, quick=quick)
        kept[key] = _case(name, asked, folder / f"{question}-{draw}{_apart(name)}", quick)
        write_text(file, json.dumps(kept, indent=1) + "\n")
        print(f"{key}: {kept[key]['headline']}", flush=True)
    _table(kept, strategies, questions)


def _plan(
    strategies: Sequence[str], questions: Sequence[str], quick: bool
) -> list[tuple[str, int, str]]:
    """All cases: those compared with the grid, then the remaining races, then the other
    strategies."""

    def some(name: str, question: str) -> int:
        most = {"grid": WITH_GRID, "race": CASES[question]}.get(name, WITH_OTHERS)
        return min(1 if quick else CASES[question], most)

    def turn(case: tuple[str, int, str]) -> int:
        _, draw, name = case
        if name not in ("grid", "race"):
            return 2
        return 0 if draw < WITH_GRID else 1

    cases = [
        (question, draw, name)
        for question in questions
        for draw in range(CASES[question])
        for name in strategies
        if draw < some(name, question)
    ]
    return sorted(cases, key=turn)


def _apart(name: str) -> str:
    """Suffix of the folder's name: grown networks differ, having residual layers."""
    return "-residual" if name == "grow" else ""


def _case(name: str, asked: Question, folder: Path, quick: bool) -> dict[str, Any]:
    model: dict[str, Any] = {**asked.model, **({"residual": True} if _apart(name) else {})}
    verdict = search(
        asked.task,
        depths=(1, 2) if quick else DEPTHS,
        seeds=2 if quick else SEEDS,
        strategy=name,
        min_gain=asked.min_gain,
        out=folder,
        storage=sqlite_url(folder / f"{name}.db"),
        settings=asked.settings,
        progress=SilentSearch(),
        **model,
    )
    return {
        "headline": verdict.headline,
        "depth": verdict.depth,
        "seconds": verdict.seconds,
        "expected_seconds": verdict.expected_seconds,
        "truth": asked.truth,
    }


def _table(kept: dict[str, Any], strategies: Sequence[str], questions: Sequence[str]) -> None:
    """The table of all stored cases; shares of the grid's time are over the cases that the grid has
    too."""
    print(
        f"\n{'question':<12} {'strategy':<9} {'cases':>5} {'right':>5} {'deeper':>6} {'open':>4}"
        f" {'as grid':>8} {'other':>5} {'it alone':>8} {'grid alone':>10} {'time':>6}"
        f" {'taken/expected':>14}"
    )
    for question in questions:
        for name in strategies:
            draws = [k for k in range(CASES[question]) if f"{question} {k} {name}" in kept]
            cases = {k: kept[f"{question} {k} {name}"] for k in draws}
            keys = {k: f"{question} {k} grid" for k in draws}
            grid = {k: kept[key] for k, key in keys.items() if key in kept}
            if grid.keys() & cases.keys():
                print(f"{question:<12} {name:<9} {_row(cases, grid)}")


def _row(cases: Mapping[int, dict[str, Any]], grid: Mapping[int, dict[str, Any]]) -> str:
    known = [case for case in cases.values() if case["truth"] is not None]
    right = sum(case["depth"] == case["truth"] for case in known)
    deeper = sum(case["depth"] is not None and case["depth"] > case["truth"] for case in known)
    undecided = sum(case["depth"] is None for case in cases.values())
    both = [k for k in grid if k in cases]
    pairs = [(cases[k]["depth"], grid[k]["depth"]) for k in both]
    alike = sum(mine == its for mine, its in pairs)
    alone = sum(its is None and mine is not None for mine, its in pairs)
    grid_alone = sum(mine is None and its is not None for mine, its in pairs)
    other = len(pairs) - alike - alone - grid_alone
    share = sum(cases[k]["seconds"] for k in both) / sum(grid[k]["seconds"] for k in both)
    ratio = median(case["seconds"] / max(case["expected_seconds"], 1e-9) for case in cases.values())
    of_known = f"{right:>5} {deeper:>6}" if known else f"{'':>5} {'':>6}"
    return (
        f"{len(cases):>5} {of_known} {undecided:>4} {f'{alike}/{len(pairs)}':>8} {other:>5}"
        f" {alone:>8} {grid_alone:>10} {100 * share:>5.1f}% {ratio:>14.2f}"
    )
