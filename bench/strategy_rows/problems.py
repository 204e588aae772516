"""Depth questions small enough to train hundreds of times, generated or packaged.

``line`` cannot gain from depth: the label is the side of a line on which the last step lies,
flipped with probability 0.1, and one layer with its linear output can represent any line. No
network can be right more than 90% of the time in the long run, and one layer achieves that. Each
draw is new data.

``between`` gains from a second layer and from no other: each word carries a bit, which is its
label; for words with a question mark, :data:`ASKED` of all, the label is whether the words before
and after differ. One bidirectional layer adds what it read from the left to what it read from the
right, and no sum of the two is right about more than three in four of such pairs; two layers are
right about all. Labels are flipped with probability 0.1. A second layer therefore gains at least
``0.25 * ASKED * 0.8 * 18 / 20``, 2.2 points of accuracy, more than twice the margin of 1, if two
layers learn the task; further layers gain nothing. Each draw is new data.

``digits``: 1,797 images read row by row, a tanh network of 24 units per layer; draws are splits.
``timemachine``: the start of the book, character by character; draws differ in width. For these two
the full grid's answer counts as right.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.spec import Task
from lamina.tasks import Classify, LanguageModel, Tag
from lamina.train import Settings

FLIPPED = 0.1
#: Steps per sequence of ``line``; words per sentence of ``between``, and the share with a question
#: mark.
STEPS = 3
WORDS, ASKED = 20, 0.12


@dataclass(frozen=True)
class Question:
    """A task and how it is searched.

    Attributes:
        truth: the right depth if known, otherwise None.
    """

    task: Task
    settings: Settings
    min_gain: float
    model: Mapping[str, Any]
    truth: int | None = None


def make(name: str, folder: Path, *, draw: int = 0, quick: bool = False) -> Question:
    """The question of this name; generated data are written under ``folder``, anew for each
    ``draw``. ``quick``: too small for meaningful results."""
    if name == "line":
        source = folder / f"line-{draw}.csv"
        # Enough validation data that no depth leads by a margin through luck.
        write_line(source, 200 if quick else 5000, draw)
        task = Classify(source, id="id", batch_size=50, fractions=(0.3, 0.6, 0.1))
        return Question(task, _settings(2e-2, quick), 1.0, {"cell": "rnn", "width": 6}, 1)
    if name == "between":
        source = folder / f"between-{draw}.conll"
        write_between(source, 100 if quick else 600, draw)
        task = Tag(str(source), batch_size=32, fractions=(0.5, 0.4, 0.1))
        shape = {"cell": "rnn", "width": 8, "characters": "none", "embedding": 4}
        return Question(task, _settings(2e-2, quick), 1.0, shape, 2)
    if name == "digits":
        task = Classify("digits", batch_size=32, fractions=(0.5, 0.3, 0.2), split_seed=draw)
        shape = {"cell": "rnn", "width": 4 if quick else 24}
        return Question(task, _settings(1e-2, quick), 1.5, shape)
    if name == "timemachine":
        tokens = 600 if quick else 20_000
        task = LanguageModel(name, normalize="letters", batch_size=16, steps=32, max_tokens=tokens)
        shape = {"cell": "lstm", "width": 4 if quick else 32 + 4 * draw, "embedding": "onehot"}
        return Question(task, _settings(5e-3, quick), 5.0, shape)
    raise ValueError(name)


def _settings(lr: float, quick: bool) -> Settings:
    return Settings(epochs=3 if quick else 15, lr=lr, schedule="cosine", threads=1)


def write_line(path: Path, examples: int, draw: int) -> None:
    """Sequences of :data:`STEPS` points, each labelled by its last point."""
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


def write_between(path: Path, sentences: int, draw: int) -> None:
    """Sentences of :data:`WORDS` words in columns, one word and its label per line."""
    rng = np.random.default_rng(draw)
    bits = rng.random((sentences, WORDS)) < 0.5
    asked = rng.random((sentences, WORDS)) < ASKED
    asked[:, [0, -1]] = False  # they have one neighbour
    labels = bits.copy()
    labels[:, 1:-1] = np.where(asked[:, 1:-1], bits[:, :-2] ^ bits[:, 2:], bits[:, 1:-1])
    labels ^= rng.random((sentences, WORDS)) < FLIPPED
    with path.open("w") as file:
        for row in zip(bits.tolist(), asked.tolist(), labels.tolist(), strict=True):
            for bit, ask, label in zip(*row, strict=True):
                file.write(f"{'ab'[bit]}{'?' * ask}\t{'yes' if label else 'no'}\n")
            file.write("\n")
