"""Learning curves of real trainings, kept in ``learning_curves.json`` for the simulation.

python bench/strategies.py --record           # all questions, goes on where it was stopped
python bench/strategies.py --record digits    # one
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lamina.depth.search import search
from strategy_rows.problems import make

FILE = Path(__file__).with_name("learning_curves.json")
QUESTIONS = ("line", "digits", "timemachine")
DEPTHS, SEEDS = (1, 2, 3, 4, 5), 3


def record(names: list[str], folder: Path) -> None:
    """Train the full grid of each question in ``folder`` and write its curves."""
    for name in names:
        question = make(name, folder)
        verdict = search(
            question.task,
            depths=DEPTHS,
            seeds=SEEDS,
            strategy="grid",
            min_gain=question.min_gain,
            out=folder / f"record-{name}",
            settings=question.settings,
            **question.model,
        )
        metric = verdict.metric
        kept: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
        kept[name] = {
            "command": f"python bench/strategies.py --record {name}",
            "margin": round(metric.utility_gain(question.min_gain), 4),
            # Of the median training, so that a busy moment does not count.
            "step_ms": {str(c.depth): round(c.step_ms, 2) for c in verdict.costs},
            # Validation utilities, an epoch each; (seed, depth) of a list.
            "curves": {
                str(depth): [
                    [round(metric.utility(value), 2) for _, value in trial.curve]
                    for trial in sorted(verdict.trials, key=lambda trial: trial.seed)
                    if trial.depth == depth
                ]
                for depth in DEPTHS
            },
        }
        FILE.write_text(_lines(kept))


def _lines(kept: dict[str, Any]) -> str:
    """JSON with a curve on a line."""
    text = json.dumps(kept, indent=1)
    return re.sub(r"\[[^\[\]]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"
