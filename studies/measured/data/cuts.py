"""Smaller copies of corpora, to make many training runs affordable. They stay in a study's folder:
not all of these data may be published."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

from lamina.data.corpora.files import find
from lamina.data.read.files import read_decoded
from lamina.store.atomic import write_text

ROOT = Path(__file__).parents[3]
#: The separator between the examples of a file, as a pattern and as it is written.
_BLANK = (r"\n[ \t\r]*\n", "\n\n")
BETWEEN = {
    ".fasta": (r"\n(?=>)", "\n"),
    ".conllu": _BLANK,
    ".conll": _BLANK,
    ".jsonl": (r"\n", "\n"),
    ".tsv": (r"\n", "\n"),
}


def cut(corpus: str, role: str, count: int, path: Path, *, draw: int = 0) -> str:
    """``count`` examples of a file of a corpus, drawn at random in their order, written once to
    ``path``, whose suffix says what an example is (:data:`BETWEEN`). Its path."""
    if not path.exists():
        pattern, between = BETWEEN[path.suffix]
        text = read_decoded(find(corpus)[role])
        examples = [e for e in re.split(pattern, text.strip()) if e.strip()]
        chosen = sorted(random.Random(draw).sample(range(len(examples)), count))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(examples[k] + between for k in chosen))
    return str(path)


def start(corpus: str, role: str, characters: int, path: Path) -> str:
    """The whole lines at the start of a text, so many characters at most; its path."""
    if not path.exists():
        text = read_decoded(find(corpus)[role])[:characters]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text[: text.rindex("\n") + 1])
    return str(path)


def side_by_side(
    corpus: str, roles: tuple[str, str], count: int, path: Path, *, draw: int = 0
) -> str:
    """``count`` pairs of lines of two files of a corpus, with a tab between; its path."""
    if not path.exists():
        files = find(corpus)
        sides = [read_decoded(files[role]).splitlines() for role in roles]
        pairs = [f"{a}\t{b}" for a, b in zip(*sides, strict=True) if a and b]
        chosen = sorted(random.Random(draw).sample(range(len(pairs)), count))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "\n".join(pairs[k] for k in chosen) + "\n")
    return str(path)


def spoken_digits(folder: Path, train: int, validation: int, test: int) -> dict[str, str]:
    """Strings of spoken digits as ``data/digit_strings.py`` makes them: their manifests by part."""
    if not (folder / "test.csv").exists():  # written last
        script = str(ROOT / "data" / "digit_strings.py")
        counts = [f"--train={train}", f"--validation={validation}", f"--test={test}"]
        subprocess.run([sys.executable, script, "--out", str(folder), *counts], check=True)
    return {part: str(folder / f"{part}.csv") for part in ("train", "validation", "test")}
