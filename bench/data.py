"""The cost of data: time to read a text, memory, and the share of training spent on batches.

A text of the given size is generated (words drawn from Zipf's law), read in a separate process, and
trained on for a few steps. "Memory" is the peak that this process allocated for the data (private
memory, minus what it had before). It excludes memory-mapped files, which the system may drop at any
time.

    python bench/data.py             # texts of 50 and 400 MB, a few minutes
    python bench/data.py --quick     # a small text, in seconds; no figures to quote
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np


def write_text(path: Path, megabytes: float) -> None:
    """Lines of words, frequent ones short, in a text of about that size."""
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (200_000, 9), dtype=np.uint8)
    words = np.array([bytes(row[: 2 + i % 8]).decode() for i, row in enumerate(letters)])
    with path.open("w") as file:
        while file.tell() < megabytes * 1e6:
            drawn = np.minimum(rng.zipf(1.2, 200_000), len(words)) - 1
            lines = words[drawn].reshape(-1, 20)
            file.write("".join(" ".join(line) + "\n" for line in lines))


class Memory:
    """The most private memory this process has had since it began to look, in bytes."""

    def __init__(self) -> None:
        self.first = self.most = self.now()
        threading.Thread(target=self._watch, daemon=True).start()

    @staticmethod
    def now() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        kilobytes = next(line for line in lines if line.startswith("RssAnon"))
        return 1024 * int(kilobytes.split()[1])

    def _watch(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            time.sleep(0.02)


def measure(path: str, level: str, width: int, steps: int) -> dict[str, float]:
    """In a process of its own: read the text twice, then train a few steps."""
    import torch

    from lamina.tasks import LanguageModel
    from lamina.train.session import clip_gradient, make_optimizer
    from lamina.train.settings import Settings

    torch.set_num_threads(1)
    memory = Memory()
    took = []
    for _ in range(2):
        begin = time.perf_counter()
        task = LanguageModel(path, level=level)
        took.append(time.perf_counter() - begin)
    batches = task.batches("train")
    for k in range(0, len(batches), max(1, len(batches) // 200)):  # all over the text
        batches[k]
    most = memory.most - memory.first
    shape = {"softmax": "adaptive"} if level == "space" else {}
    model = task.model(cell="lstm", depth=2, width=width, embedding=width, **shape)
    optimizer = make_optimizer(model, Settings())
    parameters = list(model.parameters())
    state, waited, begin = None, 0.0, time.perf_counter()
    for k in range(1, steps + 1):
        asked = time.perf_counter()
        batch = batches[k]
        waited += time.perf_counter() - asked
        step = task.step(model, batch, state)
        state = step.state
        optimizer.zero_grad(set_to_none=True)
        step.loss.backward()
        clip_gradient(parameters, 1.0)
        optimizer.step()
    seconds = time.perf_counter() - begin
    return {
        "first_s": took[0],
        "again_s": took[1],
        "memory_mb": most / 1e6,
        "batch_us": 1e6 * waited / steps,
        "share": waited / seconds,
        "tokens": sum(len(text) for text in task.tokens.values()),
    }


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[50, 400])
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)  # in the inner process
    given = parser.parse_args()
    if given.measure:
        path, level, width, steps = given.measure
        print(json.dumps(measure(path, level, int(width), int(steps))))
        return
    print(
        "| text | level | tokens | read first, s | again, s | memory, MB | a batch, us "
        "| share of training |\n|---|---|---|---|---|---|---|---|"
    )
    width, steps = ("16", "3") if given.quick else ("256", "20")
    for megabytes in [5] if given.quick else given.megabytes:
        for level in ("char", "space"):
            with tempfile.TemporaryDirectory() as folder:
                text = Path(folder, "text.txt")
                write_text(text, megabytes)
                out = subprocess.run(
                    [sys.executable, __file__, "--measure", text, level, width, steps],
                    env={**os.environ, "LAMINA_CACHE": str(Path(folder, "cache"))},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    check=True,
                ).stdout
            row = json.loads(out)
            print(
                f"| {megabytes:g} MB | {level} | {row['tokens']:,} | {row['first_s']:.1f} "
                f"| {row['again_s']:.1f} | {row['memory_mb']:.0f} | {row['batch_us']:.0f} "
                f"| {row['share']:.2%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
