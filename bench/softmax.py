"""The cost of a word-level language model's softmax, full and adaptive:
``python bench/softmax.py [--quick]``.

Prints the throughput of the output layer alone in tokens per second, forward and backward, on one
thread, with the vocabulary of WikiText-2 (33,278 words) and targets drawn from Zipf's law. The
variants take turns, so that whatever slows the machine affects all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

WORDS, TARGETS = 33_278, 1_120
CUTOFFS = {"2000,10000": [2000, 10000], "1000,5000,15000": [1000, 5000, 15000]}


#: An output layer, and its mean loss from ``(N, width)`` and ``(N,)``.
Output = tuple[nn.Module, Callable[[Tensor, Tensor], Tensor]]


def outputs(width: int) -> dict[str, Output]:
    """The kinds of output layer, by name."""
    full = nn.Linear(width, WORDS)
    kinds: dict[str, Output] = {"full": (full, lambda h, y: cross_entropy(full(h), y))}
    for name, cutoffs in CUTOFFS.items():
        layer = nn.AdaptiveLogSoftmaxWithLoss(width, WORDS, cutoffs)
        kinds[name] = (layer, lambda h, y, layer=layer: layer(h, y).loss)
    return kinds


def measure(width: int, targets: int, repeats: int) -> dict[str, float]:
    """Tokens a second of each kind: the median over ``repeats`` turns."""
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(targets, width, generator=generator, requires_grad=True)
    zipf = 1.0 / torch.arange(1, WORDS + 1)
    y = torch.multinomial(zipf, targets, replacement=True, generator=generator)
    kinds = outputs(width)
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(repeats + 1):
        for name, (layer, loss) in kinds.items():
            layer.zero_grad()
            begun = time.perf_counter()
            loss(h, y).backward()
            seconds[name].append(time.perf_counter() - begun)
    return {name: targets / statistics.median(taken[1:]) for name, taken in seconds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    quick = parser.parse_args(arguments).quick
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        print("tokens a second, forward and backward, one thread")
        print(f"{'width':>5}  {'full':>8}" + "".join(f"  {name:>15}" for name in CUTOFFS))
        for width in (8, 16) if quick else (256, 400):
            found = measure(width, *((20, 1) if quick else (TARGETS, 5)))
            print(f"{width:>5}  {found['full']:>8,.0f}", end="")
            print("".join(f"  {found[name]:>15,.0f}" for name in CUTOFFS))
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
