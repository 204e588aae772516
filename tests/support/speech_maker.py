"""Speech that takes no data: each word is a tone, a recording is tones with pauses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
TONES = {"do": 300.0, "re": 700.0, "mi": 1500.0, "fa": 3000.0}


def samples(words: Sequence[str], seed: int = 0) -> np.ndarray:
    """``(N,)`` float32: 120 to 200 ms a word, 60 ms between words."""
    rng = np.random.default_rng(seed)
    pieces = [np.zeros(480)]
    for word in words:
        n = int(rng.integers(960, 1600))
        pieces += [0.3 * np.sin(2 * np.pi * TONES[word] * np.arange(n) / RATE), np.zeros(480)]
    x = np.concatenate(pieces)
    return (x + 0.001 * rng.standard_normal(len(x))).astype(np.float32)


def write_strings(folder: Path, count: int = 40, name: str = "tones.csv") -> Path:
    """A manifest of recordings of 1 to 3 words, by two speakers."""
    rng = np.random.default_rng(len(name))
    (folder / "wav").mkdir(exist_ok=True)
    rows = ["audio,text,speaker,part"]
    for i in range(count):
        words = rng.choice(list(TONES), size=rng.integers(1, 4))
        path = f"wav/{Path(name).stem}{i}.wav"
        soundfile.write(folder / path, samples(words, seed=i), RATE, subtype="PCM_16")
        part = "test" if i % 5 == 4 else "validation" if i % 5 == 3 else "train"
        rows.append(f"{path},{' '.join(words)},{'ann' if i % 2 else 'bob'},{part}")
    file = folder / name
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file
