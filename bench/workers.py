"""Parallel against sequential training runs: ``python bench/workers.py [--quick]``.

Prints the trials per hour of a depth search on two cores, the median and the range over searches
that take turns in a different order each time: one run at a time on one CPU thread, one at a time
on two, and two processes with one thread each. The time is that of a whole call, including the
timing of steps and the start of processes, which load torch. The load is even, two depths with two
seeds on a grid. A race, whose rounds wait for their last run, gains less from a second process.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lamina.depth import search
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import Task
from lamina.tasks import Classify, LanguageModel
from lamina.train import Settings

#: Way -> (processes, threads per job).
WAYS = {"1 x 1 thread": (1, 1), "1 x 2 threads": (1, 2), "2 x 1 thread": (2, 1)}
LETTERS = "abcdefghijklmnopqrstuvwxyz ."


class Search(NamedTuple):
    """A search to time.

    Attributes:
        task: builds the data, given a folder for a file and whether it may be small.
        epochs: chosen so that a search takes between 20 seconds and a minute.
    """

    task: Callable[[Path, bool], Task]
    network: Mapping[str, Any]
    epochs: int


def text(letters: int) -> str:
    """Random words of a made-up language, some more frequent than others."""
    draw = random.Random(0)
    words = ["".join(draw.choices(LETTERS[:26], k=draw.randint(2, 8))) for _ in range(300)]
    chosen = draw.choices(words, [1 / (k + 1) for k in range(300)], k=letters // 5)
    return " ".join(chosen)[:letters]


def characters(folder: Path, quick: bool) -> Task:
    """A language model of :func:`text`."""
    file = folder / "words.txt"
    file.write_text(text(6_000 if quick else 150_000))
    return LanguageModel(str(file), level="char")


def digits(folder: Path, quick: bool) -> Task:
    """Rows of pixels, packaged with scikit-learn."""
    return Classify("digits")


SEARCHES = {
    "digits, GRU of 32": Search(digits, {"cell": "gru", "width": 32}, 100),
    "characters, LSTM of 64": Search(characters, {"cell": "lstm", "width": 64}, 14),
    "characters, LSTM of 256": Search(characters, {"cell": "lstm", "width": 256}, 3),
}


def trials_an_hour(task: Task, asked: Search, epochs: int, way: str) -> float:
    """Trials per hour of a search of two depths with two seeds."""
    workers, threads = WAYS[way]
    begun = time.perf_counter()
    verdict = search(
        task,
        depths=(1, 2),
        seeds=2,
        strategy="grid",
        settings=Settings(epochs=epochs, threads=threads),
        workers=workers,
        progress=SilentSearch(),
        **asked.network,
    )
    return 3600 * len(verdict.trials) / (time.perf_counter() - begun)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small, to check that it runs")
    quick = parser.parse_args(arguments).quick
    print("trials per hour of a depth search, depths 1 and 2, 2 seeds: median (min to max)")
    print(f"{'search':<24}" + "".join(f"  {way:>22}" for way in WAYS))
    for name in list(SEARCHES)[:1] if quick else SEARCHES:
        asked = SEARCHES[name]
        with tempfile.TemporaryDirectory() as folder:
            task = asked.task(Path(folder), quick)
            found: dict[str, list[float]] = {way: [] for way in WAYS}
            for turn in range(1 if quick else 3):
                ways = list(WAYS)
                for way in ways[turn:] + ways[:turn]:
                    epochs = 1 if quick else asked.epochs
                    found[way].append(trials_an_hour(task, asked, epochs, way))
        print(f"{name:<24}" + "".join(f"  {shown(found[way]):>22}" for way in WAYS), flush=True)


def shown(values: Sequence[float]) -> str:
    """Median, minimum and maximum."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


if __name__ == "__main__":
    main()
