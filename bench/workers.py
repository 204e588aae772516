"""Trainings side by side against one after the other: ``python bench/workers.py [--quick]``.

Prints trials an hour of a depth search on two cores: one training at a time on two CPU threads, and
two processes with one thread each, which start (and load torch) within the measured time. The ways
take turns, and each is a search of its own from beginning to end.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lamina.depth import search
from lamina.depth.progress import SilentSearch
from lamina.tasks import LanguageModel
from lamina.train import Settings

#: Way -> (processes, threads of each).
WAYS = {"1 x 2 threads": (1, 2), "2 x 1 thread": (2, 1)}
LETTERS = "abcdefghijklmnopqrstuvwxyz ."


def text(letters: int) -> str:
    """Random words of a made-up language, with more frequent and rarer ones."""
    draw = random.Random(0)
    words = ["".join(draw.choices(LETTERS[:26], k=draw.randint(2, 8))) for _ in range(300)]
    chosen = draw.choices(words, [1 / (k + 1) for k in range(300)], k=letters // 5)
    return " ".join(chosen)[:letters]


def trials_an_hour(task: LanguageModel, width: int, epochs: int, way: str) -> float:
    """Of a search of two depths with two seeds."""
    workers, threads = WAYS[way]
    settings = Settings(epochs=epochs, threads=threads)
    begun = time.perf_counter()
    verdict = search(
        task,
        depths=(1, 2),
        seeds=2,
        strategy="grid",
        cell="lstm",
        width=width,
        settings=settings,
        workers=workers,
        progress=SilentSearch(),
    )
    return 3600 * len(verdict.trials) / (time.perf_counter() - begun)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    quick = parser.parse_args(arguments).quick
    letters, epochs, repeats = (6_000, 1, 1) if quick else (150_000, 6, 3)
    print("trials an hour of a depth search, language model on characters, LSTM, depths 1 and 2")
    print(f"{'width':>5}" + "".join(f"  {way:>13}" for way in WAYS))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "words.txt")
        file.write_text(text(letters))
        task = LanguageModel(str(file), level="char")
        for width in (8,) if quick else (64, 256):
            found: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(repeats):
                for way in WAYS:
                    found[way].append(trials_an_hour(task, width, epochs, way))
            line = "".join(f"  {statistics.median(found[way]):>13,.0f}" for way in WAYS)
            print(f"{width:>5}{line}", flush=True)


if __name__ == "__main__":
    main()
