"""Every task on data of a few lines, with options of networks small enough to train in a blink."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lamina.spec import Task
from lamina.tasks import Classify, Forecast, LanguageModel, Regress, Tag, Transcribe, Translate
from speech_maker import write_strings
from tagged import write_tagged

#: A task, and options under which its networks have every part that stands before a stack.
Made = tuple[Task, dict[str, Any]]


def classify(folder: Path) -> Made:
    good, bad = ["good fine film", "a good one", "so fine"], ["bad film", "an awful bad one", "bad"]
    rows = [f"{(good, bad)[i % 2][i % 3]} {i},{('up', 'down')[i % 2]}" for i in range(40)]
    (folder / "reviews.csv").write_text("\n".join(["review,mood", *rows]) + "\n")
    task = Classify(folder / "reviews.csv", text="review", label="mood", min_count=1, batch_size=8)
    return task, {"embedding": 5, "convolution": 4, "bidirectional": True, "pooling": "attention"}


def regress(folder: Path) -> Made:
    rng = random.Random(0)
    wear = [rng.uniform(1, 9) for _ in range(60)]
    rows = [
        f"{i},{w * t + rng.gauss(0, 0.1):.3f},{w:.2f}" for i, w in enumerate(wear) for t in (1, 2)
    ]
    (folder / "machines.csv").write_text("\n".join(["run,heat,rul", *rows]) + "\n")
    parts = {"fractions": (0.6, 0.3, 0.1), "batch_size": 6}
    task = Regress(folder / "machines.csv", id="run", target="rul", **parts)
    return task, {"bidirectional": True, "convolution": 4}


def language_model(folder: Path) -> Made:
    (folder / "book.txt").write_text("the cat sat on the mat.\nthe dog sat on the log.\n" * 20)
    task = LanguageModel(folder / "book.txt", batch_size=4, steps=12)
    return task, {"embedding": 6, "tied": True}


def tag(folder: Path) -> Made:
    write_tagged(folder)
    task = Tag(folder / "ner.txt", batch_size=8)
    return task, {"embedding": 6, "character_embedding": 3, "character_width": 3}


def forecast(folder: Path) -> Made:
    t = np.arange(160)
    values = np.sin(t / 4) + np.random.default_rng(0).normal(size=160) / 10 + 5
    rows = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{v:.4f}" for i, v in enumerate(values)]
    (folder / "sales.csv").write_text("\n".join(["date,sales", *rows]) + "\n")
    task = Forecast(folder / "sales.csv", look_back=12, horizon=6, batch_size=32)
    return task, {"segment": 4, "dropout": 0.0}


def recursive(folder: Path) -> Made:
    return forecast(folder)[0], {"scheme": "recursive", "dropout": 0.0}


def direct(folder: Path) -> Made:
    return forecast(folder)[0], {"scheme": "direct", "dropout": 0.0}


def translate(folder: Path) -> Made:
    words, rng = {"one": "eins", "two": "zwei", "three": "drei"}, random.Random(0)
    picked = [[rng.choice(list(words)) for _ in range(1 + i % 3)] for i in range(60)]
    pairs = [(" ".join(p), " ".join(words[w] for w in p[::-1])) for p in picked]
    (folder / "p.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    task = Translate(folder / "p.tsv", subwords=300, batch_size=5)
    return task, {"embedding": 5, "dropout": 0.0, "tied": "all"}


def transcribe(folder: Path) -> Made:
    write_strings(folder, 20)
    task = Transcribe(folder / "tones.csv", split="part", bins=8, batch_size=6)
    return task, {"halvings": 1}


TASKS: dict[str, Callable[[Path], Made]] = {
    made.__name__: made
    for made in (
        classify,
        regress,
        language_model,
        tag,
        forecast,
        recursive,
        direct,
        translate,
        transcribe,
    )
}
