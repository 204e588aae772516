"""Questions of depth small enough to be trained hundreds of times, made or packaged.

``line`` cannot gain by depth: the label is the side of a line on which the last step lies, turned
round with probability 0.1, and one layer with its linear output draws any line. No network is
right more often than 90% of the time in the long run, and one layer is. Each draw is new data.

``digits``: 1,797 images read row by row, a tanh network of 24 units a layer. A second layer gains
3 points of accuracy (``learning_curves.json``), two margins, and further ones nothing. Each draw is
a new split. Where the full grid says otherwise of a split, that is counted beside it.

``timemachine``: the start of the book, character by character; draws differ in width. What is right
there is what the full grid says.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.spec import Task
from lamina.tasks import Classify, LanguageModel
from lamina.train import Settings

STEPS, FLIPPED = 3, 0.1


@dataclass(frozen=True)
class Question:
    """A task with how it is searched.

    truth: the right depth where it is known, else None.
    """

    task: Task
    settings: Settings
    min_gain: float
    model: Mapping[str, Any]
    truth: int | None = None


def make(name: str, folder: Path, *, draw: int = 0, quick: bool = False) -> Question:
    """The question of this name; made data are written under ``folder``, anew for each
    ``draw``. ``quick``: too small to mean anything."""
    epochs = 3 if quick else 15
    settings = Settings(epochs=epochs, lr=1e-2, schedule="cosine", threads=1)
    if name == "line":
        source = folder / f"line-{draw}.csv"
        write_line(source, 200 if quick else 1500, draw)
        task = Classify(source, id="id", batch_size=32, fractions=(0.5, 0.4, 0.1))
        return Question(task, settings, 1.0, {"cell": "rnn", "width": 6}, 1)
    if name == "digits":
        task = Classify("digits", batch_size=32, fractions=(0.5, 0.3, 0.2), split_seed=draw)
        return Question(task, settings, 1.5, {"cell": "rnn", "width": 4 if quick else 24}, 2)
    if name == "timemachine":
        task = LanguageModel(
            name, normalize="letters", batch_size=16, steps=32, max_tokens=600 if quick else 20_000
        )
        shape = {"cell": "lstm", "width": 4 if quick else 32 + 4 * draw, "embedding": "onehot"}
        return Question(task, settings, 2.0, shape)
    raise ValueError(name)


def write_line(path: Path, examples: int, draw: int) -> None:
    """Sequences of :data:`STEPS` points, each with the label that the last of them asks for."""
    rng = np.random.default_rng(draw)
    points = rng.uniform(-1, 1, (examples, STEPS, 2)).round(4)
    angle = rng.uniform(0, 2 * np.pi)
    label = points[:, -1] @ np.array([np.cos(angle), np.sin(angle)]) > 0
    label ^= rng.random(examples) < FLIPPED
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "label", "x", "y"])
        for i, sequence in enumerate(points.tolist()):
            table.writerows([i, int(label[i]), *point] for point in sequence)
