"""Every cell at the same number of parameters, on three tasks that need no download:
``python bench/cells.py [--quick] [--seeds N]``.

- *digits*: the 8x8 images of handwritten digits that scikit-learn holds, row by row; accuracy on
  the validation part.
- *brackets*: drawn text in which every bracket is closed by one of its own kind, up to eight deep;
  perplexity per character, so that lower is better. Closing them takes a stack as memory.
- *pendulum*: a drawn series, a swing of changing pace with noise; mean squared error of a forecast
  of 24 steps, so that lower is better.

Two layers, equal widths, each cell with its own defaults and the same training settings; nothing is
tuned. Printed are the mean and the standard deviation over seeds, the median time of a training
step, and the time in which the trained network reads the validation part once, on one thread. Cells
take turns, so that whatever slows the machine affects all of them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lamina.cells import CELLS
from lamina.depth.ask.candidates import equal_parameters
from lamina.spec import Task
from lamina.tasks import Classify, Forecast, LanguageModel
from lamina.train import Settings, Silent, evaluate, fit


def digits(folder: Path, quick: bool) -> Task:
    """Classify eight rows of eight pixels."""
    return Classify("digits", batch_size=64)


def brackets(folder: Path, quick: bool) -> Task:
    """Lines of nested brackets of four kinds."""
    rng, kinds = random.Random(0), ("()", "[]", "{}", "<>")
    lines = []
    for _ in range(60 if quick else 1500):
        text, still_open = "", []
        while len(text) < 40 or still_open:
            if still_open and (len(still_open) == 8 or len(text) >= 40 or rng.random() < 0.45):
                text += still_open.pop()
            else:
                opening, closing = rng.choice(kinds)
                text, still_open = text + opening, [*still_open, closing]
        lines.append(text)
    (folder / "brackets.txt").write_text("\n".join(lines))
    return LanguageModel(folder / "brackets.txt", batch_size=16, steps=50)


def pendulum(folder: Path, quick: bool) -> Task:
    """An hourly series whose pace changes slowly."""
    rng, t = np.random.default_rng(0), np.arange(400 if quick else 3000)
    pace = np.cumsum(0.25 + 0.1 * np.sin(t / 150))
    swing = np.sin(pace) + 0.3 * np.sin(3 * pace) + rng.normal(size=len(t)) / 10
    start = np.datetime64("2024-01-01T00:00")
    rows = [f"{start + np.timedelta64(int(i), 'h')},{value:.4f}" for i, value in enumerate(swing)]
    (folder / "pendulum.csv").write_text("\n".join(["date,swing", *rows]) + "\n")
    return Forecast(folder / "pendulum.csv", look_back=72, horizon=24, batch_size=64)


#: How a task is made, its parameters, its epochs and what its networks need beside cell and width.
PROBLEMS: dict[str, tuple[Callable[[Path, bool], Task], int, int, dict[str, Any]]] = {
    "digits": (digits, 20_000, 20, {}),
    "brackets": (brackets, 20_000, 6, {"embedding": "onehot"}),
    "pendulum": (pendulum, 20_000, 10, {"dropout": 0.0}),
}


class Row(NamedTuple):
    """One training run: the score, and the times in milliseconds."""

    score: float
    step_ms: float
    read_ms: float


def train(task: Task, model: Any, epochs: int, seed: int) -> Row:
    """Train once, and read the validation part once more."""
    settings = Settings(epochs=epochs, seed=seed, lr=3e-3, threads=1)
    result = fit(model, task, settings, progress=Silent())
    score = result.best[task.metric.name]
    assert score is not None
    evaluate(model, task)
    begun = time.perf_counter()
    evaluate(model, task)
    return Row(score, result.step_ms, 1e3 * (time.perf_counter() - begun))


def run(problem: str, seeds: int, quick: bool) -> None:
    """Print the rows of one task."""
    make, parameters, epochs, options = PROBLEMS[problem]
    parameters, epochs = (6_000, 1) if quick else (parameters, epochs)
    with tempfile.TemporaryDirectory() as folder:
        task: Any = make(Path(folder), quick)
        candidates = {
            cell: equal_parameters(task, (2,), parameters, cell=cell, **options)[0]
            for cell in CELLS
        }
        rows: dict[str, list[Row]] = {cell: [] for cell in CELLS}
        for seed in range(seeds):
            for cell, candidate in candidates.items():
                torch.manual_seed(seed)
                model = task.model(cell=cell, depth=2, width=candidate.width, **options)
                rows[cell].append(train(task, model, epochs, seed))
        better = "higher" if task.metric.higher_is_better else "lower"
        metric = f"{task.metric.name} ({better} is better)"
        print(f"{problem}: {metric}, {parameters:,} parameters, {seeds} seeds, {epochs} epochs")
        print("| cell | width | score | training step, ms | reading, ms |")
        print("|---|---|---|---|---|")
        for cell, found in rows.items():
            scores = [row.score for row in found]
            spread = f" ± {statistics.stdev(scores):.2g}" if seeds > 1 else ""
            step, read = (statistics.median(times) for times in list(zip(*found, strict=True))[1:])
            width = candidates[cell].width
            shown = width if isinstance(width, int) else ", ".join(map(str, width))
            print(
                f"| {cell} | {shown} | {statistics.mean(scores):.4g}{spread} "
                f"| {step:.1f} | {read:.0f} |"
            )
        print()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--seeds", type=int, default=3, help="training runs of each cell")
    given = parser.parse_args(arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for problem in PROBLEMS:
            run(problem, 1 if given.quick else given.seeds, given.quick)
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
