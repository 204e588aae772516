"""Learning curves of real training runs, stored in ``learning_curves.json`` for the simulation.

python bench/strategies.py --record           # all questions; resumes
python bench/strategies.py --record digits    # one
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import torch

from lamina.depth.search import search
from lamina.train import Silent, fit
from strategy_rows.problems import Question, make

FILE = Path(__file__).with_name("learning_curves.json")
QUESTIONS = ("line", "between", "digits", "timemachine")
DEPTHS, SEEDS = (1, 2, 3, 4, 5), 6
#: Epochs timed to measure the cost of one.
TIMED = 5


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
            "epoch_ms": {str(d): round(1000 * _epoch_seconds(question, d), 1) for d in DEPTHS},
            # Validation utilities, one per epoch; (seed, depth) of a list.
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


def _epoch_seconds(question: Question, depth: int) -> float:
    """CPU time of an epoch, including evaluation: it is the least affected by other programs."""
    for epochs in (1, TIMED):  # the first run is slow
        torch.manual_seed(0)
        model = question.task.model(depth=depth, **question.model)
        settings = msgspec.structs.replace(question.settings, epochs=epochs)
        begin = time.process_time()
        fit(model, question.task, settings, progress=Silent())
    return (time.process_time() - begin) / TIMED


def _lines(kept: dict[str, Any]) -> str:
    """JSON with one curve per line."""
    text = json.dumps(kept, indent=1)
    return re.sub(r"\[[^\[\]]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"
