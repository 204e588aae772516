"""Searches with real trainings: what each strategy answers, and for what share of the grid's time.

All strategies of a case work in one folder, the grid first, so that a training is made once and
the others find it; what a strategy would have spent alone is the time of the trainings it asked
for. A case that has ended is kept in ``cases.json`` of the folder; the same command goes on there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamina.depth import search
from lamina.depth.progress import SilentSearch
from lamina.store.atomic import write_text
from strategy_rows.problems import Question, make

#: Cases of each question; of the last, the strategies are only held against the grid.
CASES = {"line": 100, "digits": 50, "timemachine": 10}
DEPTHS, SEEDS = (1, 2, 3, 4, 5), 5


def run(names: Sequence[str], questions: Sequence[str], folder: Path, *, quick: bool) -> None:
    """Play all cases that are left, then print the table."""
    strategies = ["grid", *(name for name in names if name != "grid")]
    file = folder / "cases.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for question in questions:
        for draw in range(1 if quick else CASES[question]):
            left = [name for name in strategies if f"{question} {draw} {name}" not in kept]
            if not left:
                continue
            asked = make(question, folder, draw=draw, quick=quick)
            for name in left:
                found = _case(name, asked, folder / f"{question}-{draw}", quick)
                kept[f"{question} {draw} {name}"] = found
                write_text(file, json.dumps(kept, indent=1) + "\n")
                print(f"{question} {draw} {name}: {found['headline']}", flush=True)
    _table(kept, strategies, questions)


def _case(name: str, asked: Question, folder: Path, quick: bool) -> dict[str, Any]:
    verdict = search(
        asked.task,
        depths=(1, 2) if quick else DEPTHS,
        seeds=2 if quick else SEEDS,
        strategy=name,
        min_gain=asked.min_gain,
        out=folder,
        settings=asked.settings,
        progress=SilentSearch(),
        **asked.model,
    )
    return {
        "headline": verdict.headline,
        "depth": verdict.depth,
        "seconds": verdict.seconds,
        "expected_seconds": verdict.expected_seconds,
        "truth": asked.truth,
    }


def _table(kept: dict[str, Any], strategies: Sequence[str], questions: Sequence[str]) -> None:
    print(
        f"\n{'question':<12} {'strategy':<9} {'cases':>5} {'as grid':>7} {'right':>5} {'wrong':>5}"
        f" {'open':>4} {'time':>6} {'taken/expected':>14}"
    )
    for question in questions:
        for name in strategies:
            draws = [k for k in range(CASES[question]) if f"{question} {k} {name}" in kept]
            cases = [kept[f"{question} {k} {name}"] for k in draws]
            grid = [kept[f"{question} {k} grid"] for k in draws]
            if cases:
                print(f"{question:<12} {name:<9} {_row(cases, grid)}")


def _row(cases: Sequence[dict[str, Any]], grid: Sequence[dict[str, Any]]) -> str:
    alike = sum(a["depth"] == b["depth"] for a, b in zip(cases, grid, strict=True))
    known = [case for case in cases if case["truth"] is not None]
    right = sum(case["depth"] == case["truth"] for case in known)
    wrong = sum(case["depth"] not in (None, case["truth"]) for case in known)
    undecided = sum(case["depth"] is None for case in cases)
    seconds, whole = (sum(case["seconds"] for case in these) for these in (cases, grid))
    ratio = sorted(case["seconds"] / max(case["expected_seconds"], 1e-9) for case in cases)
    return (
        f"{len(cases):>5} {alike:>7} {right:>5} {wrong:>5} {undecided:>4}"
        f" {100 * seconds / whole:>5.1f}% {ratio[len(ratio) // 2]:>14.2f}"
    )
