"""Expected time against time taken: ``python bench/expected.py [--quick] [NAME ...]``.

Prints, for small real searches, the duration that a search announces at its start, the duration it
took, and their ratio. Named corpora are looked up under ``$LAMINA_DATA``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lamina.depth import search
from lamina.depth.tell.progress import SilentSearch
from lamina.spec import Task
from lamina.tasks import Classify, Forecast, LanguageModel, Tag
from lamina.train import Settings

STRATEGIES, WORKERS = ("grid", "race"), (1, 2)


class Search(NamedTuple):
    """The data, the network and the number of epochs of a search."""

    task: Callable[[], Task]
    network: Mapping[str, Any]
    epochs: int


SEARCHES = {
    "digits": Search(lambda: Classify("digits"), {"cell": "rnn", "width": 64}, 12),
    "japanese_vowels": Search(lambda: Classify("japanese_vowels"), {"width": 128}, 20),
    "names": Search(lambda: Classify("names", level="char", min_count=1), {"width": 64}, 2),
    "timemachine": Search(
        lambda: LanguageModel("timemachine", level="char", max_tokens=60_000), {"width": 128}, 4
    ),
    "ud_english_ewt": Search(lambda: Tag("ud_english_ewt", batch_size=64), {"width": 32}, 2),
    "etth1": Search(
        lambda: Forecast("etth1", look_back=96, horizon=24, batch_size=128), {"width": 32}, 2
    ),
}


def timed(asked: Search, strategy: str, workers: int, *, quick: bool) -> tuple[float, float]:
    """Seconds expected and taken."""
    verdict = search(
        asked.task(),
        depths=(1, 2) if quick else (1, 2, 3),
        seeds=1 if quick else 3,
        strategy=strategy,
        settings=Settings(epochs=1 if quick else asked.epochs, threads=1),
        workers=workers,
        progress=SilentSearch(),
        **asked.network,
    )
    return verdict.expected_wall_seconds, verdict.wall_seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small, to check that it runs")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SEARCHES))
    given = parser.parse_args(arguments)
    print(
        f"{'search':<16} {'strategy':<8} {'workers':>7} {'expected':>9} {'taken':>8} {'ratio':>6}"
    )
    packaged = ["digits"]  # no other data are available on every machine
    for name in given.names or (packaged if given.quick else SEARCHES):
        for strategy in STRATEGIES[:1] if given.quick else STRATEGIES:
            for workers in WORKERS:
                expected, taken = timed(SEARCHES[name], strategy, workers, quick=given.quick)
                print(
                    f"{name:<16} {strategy:<8} {workers:>7} {expected:>7.1f} s {taken:>6.1f} s"
                    f" {taken / max(expected, 1e-9):>6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
