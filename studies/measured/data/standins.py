"""Small made-up data of each task, for the quick mode of a study: nothing is fetched."""

from __future__ import annotations

import random
from pathlib import Path

from measured.data.tables import write_table

WORDS = (
    "red",
    "blue",
    "green",
    "warm",
    "cold",
    "old",
    "new",
    "fast",
    "slow",
    "day",
    "night",
    "sun",
)


def source(task: str, folder: Path) -> str:
    """A file for ``task``, a name of :data:`lamina.tasks.TASKS`; made once in ``folder``.

    Texts are classified by their columns ``text`` and ``label``. For sequences of numbers use the
    corpora that packages carry, ``digits`` and ``japanese_vowels``: they are small.
    """
    name, write = _WRITERS[task]
    path = folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, random.Random(0))
    return str(path)


def _text(path: Path, draw: random.Random) -> None:
    path.write_text(" ".join(_sentence(draw, 8) + "." for _ in range(120)))


def _reviews(path: Path, draw: random.Random) -> None:
    rows = [(_sentence(draw, draw.randint(4, 12)), draw.choice(("good", "bad"))) for _ in range(90)]
    write_table(path, ("text", "label"), rows)


def _tagged(path: Path, draw: random.Random) -> None:
    sentences = (_sentence(draw, draw.randint(3, 8)).split() for _ in range(80))
    tagged = ("\n".join(f"{w} {'B-X' if w in WORDS[:3] else 'O'}" for w in s) for s in sentences)
    path.write_text("\n\n".join(tagged) + "\n")


def _series(path: Path, draw: random.Random) -> None:
    rows = [
        (f"2020-01-{1 + k // 24:02d} {k % 24:02d}:00", f"{k % 24 + draw.random():.3f}")
        for k in range(720)
    ]
    write_table(path, ("date", "OT"), rows)


def _pairs(path: Path, draw: random.Random) -> None:
    first = [_sentence(draw, draw.randint(2, 6)) for _ in range(120)]
    path.write_text("".join(f"{line}\t{line[::-1]}\n" for line in first))


def _sentence(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words))


_WRITERS = {
    "language-model": ("words.txt", _text),
    "classify": ("reviews.csv", _reviews),
    "tag": ("words.conll", _tagged),
    "forecast": ("load.csv", _series),
    "translate": ("pairs.tsv", _pairs),
}
