"""GRU against LSTM: the same text, width and depth; perplexity and speed.

The two train in turn with the same seeds, and their speed is measured side by side in one
process: one step each, alternating, median and range.

    python studies/gru_against_lstm.py            # the table in docs/results.md
    python studies/gru_against_lstm.py --quick    # the same path in seconds; no figures to quote
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from lamina.spec import Model
from lamina.tasks import LanguageModel
from lamina.train import Settings, fit

CELLS = ("gru", "lstm")


def train(task: LanguageModel, out: Path | None, *, quick: bool) -> dict[str, list[float]]:
    """Best validation perplexity of each seed, by cell. With ``out`` a stopped study goes on."""
    settings = Settings(epochs=2 if quick else 20, lr=4e-3, schedule="cosine", threads=1)
    found: dict[str, list[float]] = {cell: [] for cell in CELLS}
    for seed in range(2 if quick else 3):
        for cell in CELLS:
            torch.manual_seed(seed)
            model = network(task, cell, quick=quick)
            folder = None if out is None else out / f"{cell}-seed-{seed}"
            result = fit(model, task, settings, seed=seed, out=folder, resume=out is not None)
            perplexity = result.best["perplexity"]
            assert perplexity is not None
            found[cell].append(perplexity)
    return found


def network(task: LanguageModel, cell: str, *, quick: bool) -> Model:
    """Two layers of 128."""
    return task.model(
        cell=cell, depth=2, width=16 if quick else 128, embedding="onehot", dropout=0.1
    )


def speed(task: LanguageModel, *, quick: bool) -> dict[str, list[float]]:
    """Tokens a second of single training steps, the cells taking turns."""
    torch.set_num_threads(1)
    models = {cell: network(task, cell, quick=quick).train() for cell in CELLS}
    batch = task.batches("train")[0]
    found: dict[str, list[float]] = {cell: [] for cell in CELLS}
    for turn in range(3 if quick else 31):
        for cell, model in models.items():
            begin = time.perf_counter()
            task.step(model, batch, None).loss.backward()
            seconds = time.perf_counter() - begin
            model.zero_grad(set_to_none=True)
            if turn:
                found[cell].append(batch.steps / seconds)
    return found


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", default="timemachine", help="a text, or a corpus")
    parser.add_argument("--out", type=Path, default=Path("runs/studies/gru-against-lstm"))
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    quick = given.quick
    task = LanguageModel(
        given.source,
        normalize="letters",
        batch_size=16,
        steps=64,
        max_tokens=4000 if quick else None,
    )
    scores = train(task, None if quick else given.out, quick=quick)
    rates = speed(task, quick=quick)
    print(
        "\n| cell | parameters | validation perplexity, mean ± sd (seeds) "
        "| tokens a second, median (quartiles) |\n|---|---|---|---|"
    )
    for cell in CELLS:
        size = sum(p.numel() for p in network(task, cell, quick=quick).parameters())
        low, middle, high = statistics.quantiles(rates[cell], n=4)
        print(
            f"| {cell.upper()} | {size:,} | {statistics.mean(scores[cell]):.3f} ± "
            f"{statistics.stdev(scores[cell]):.3f} ({len(scores[cell])}) "
            f"| {middle:,.0f} ({low:,.0f} to {high:,.0f}) |"
        )


if __name__ == "__main__":
    main()
