"""Tasks whose training meets with an accident, and a script that searches with them."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.run import study
from lamina.depth.tell.progress import PlainSearch
from lamina.train import Settings

#: A checkpoint at each step, so that what was killed goes on where it was.
QUICK = Settings(epochs=2, lr=0.02, threads=1, checkpoint_steps=1)
SEARCH: dict[str, Any] = {"depths": (1, 2), "seeds": 2, "strategy": "grid", "settings": QUICK}


class Mortal(Toy):
    """In the third step of training a depth, its process kills itself: as often as ``lives`` says.
    Files in ``folder`` count the steps and the deaths."""

    def __init__(self, folder: Path, depth: int = 2, lives: int = 1):
        super().__init__()
        self.folder, self.depth, self.lives = folder, depth, lives

    def step(self, model: Any, batch: Any, state: Any) -> Any:
        if _learns(model) and model.options.depth == self.depth and self._elsewhere():
            steps = _count(self.folder / f"steps-{os.getpid()}")
            if steps == 3 and _count(self.folder / "deaths") <= self.lives:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().step(model, batch, state)

    def _elsewhere(self) -> bool:
        return os.getpid() != int((self.folder / "parent").read_text())


class Faulty(Toy):
    """Raises an error in training, but not in the process where it was made."""

    def __init__(self, error: Exception):
        super().__init__()
        self.error, self.home = error, os.getpid()

    def step(self, model: Any, batch: Any, state: Any) -> Any:
        if os.getpid() != self.home:
            raise self.error
        return super().step(model, batch, state)


class Slow(Toy):
    """Takes so many seconds a step of training, but for the first training of a process."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds, self.steps = seconds, 0

    def step(self, model: Any, batch: Any, state: Any) -> Any:
        if _learns(model):
            self.steps += 1
            # 2 epochs of 4 batches: whoever waits for the end of the first has time to act.
            if self.steps > 8:
                time.sleep(self.seconds)
        return super().step(model, batch, state)


def _learns(model: Any) -> bool:
    """Whether this is a step of training; a run that is resumed first looks at one."""
    return model.training and torch.is_grad_enabled()


def mortal(folder: Path, **arguments: Any) -> Mortal:
    """One whose accidents happen in other processes than this."""
    folder.mkdir()
    (folder / "parent").write_text(str(os.getpid()))
    return Mortal(folder, **arguments)


def _count(file: Path) -> int:
    with file.open("a") as lines:
        lines.write("x")
    return file.stat().st_size


def outcome(verdict: Any) -> Any:
    """What two searches of the same have in common."""
    trials = sorted((t.depth, t.seed, t.value, t.curve) for t in verdict.trials)
    return trials, verdict.decision, verdict.headline


def main() -> None:
    """Search, say so line by line, and print the outcome."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--storage")
    parser.add_argument("--seconds", type=float, default=0.0)
    given = parser.parse_args()
    study.BEAT, study.GRACE = 0.2, 3.0
    # A shell starts what runs in the background with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    verdict = search(
        Slow(given.seconds),
        out=given.out,
        workers=given.workers,
        storage=given.storage,
        progress=PlainSearch(),
        **SEARCH,
    )
    print(json.dumps([t.value for t in sorted(verdict.trials, key=lambda t: t.job.key)]))


if __name__ == "__main__":
    main()
