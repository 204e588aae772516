"""The docs avoid phrases that native speakers do not use.

The list holds phrases that have no good use here, so that a hit is always a mistake.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "docs/*.md")

#: A phrase, and what to write instead.
PHRASES = {
    r"\btrainings\b": "training runs",
    r"\ba training(?= (?:that|which|or|is|was|ends|takes)\b|\.)": "a training run",
    r"\bhangs on\b": "depends on",
    r"\bis taken for\b": "is presumed, is treated as",
    r"\basked for by\b": "requested by",
    r"\bheld against\b": "compared with, tested against",
    r"\bbears? (?:its|their|the|out)\b": "has, carries, supports",
    r"\bstands? (?:in|beside|under|behind|between|at|there|with)\b": "is, comes",
    r"\btells (?:how|what|which|whether|that)\b": "shows, says",
    r"\b(?:goes|went|go) on where\b": "resumes",
    r"\bthe plan of the house\b": "the architecture",
    r"\brooms\b": "packages",
    r"\bis no (?:run|search|file|folder|name)\b": "is not a ..., does not exist",
    r"\bwho (?:falls|adds|runs|looks)\b": "name the subject: a worker, you",
}


def marked(text: str, phrases: dict[str, str]) -> list[str]:
    """Each phrase that is found, with its neighbourhood and the remedy."""
    return [
        f"{text[max(hit.start() - 30, 0) : hit.end() + 30]!r}: write {better}"
        for phrase, better in phrases.items()
        for hit in re.finditer(phrase, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize(
    "page", sorted(str(p.relative_to(ROOT)) for glob in PAGES for p in ROOT.glob(glob))
)
def test_a_page_is_in_plain_english(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert marked(" ".join(text.split()), PHRASES) == []


@pytest.mark.parametrize(
    "text",
    [
        "What a race costs hangs on the spread of seeds.",
        "Many\ntrainings.",
        "Go on with a training that was stopped.",
    ],
)
def test_a_phrase_is_seen(text: str) -> None:
    assert len(marked(text, PHRASES)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "A training run ends; a training set, a validation set.",
        "The letter F stands for forget.",
    ],
)
def test_good_english_passes(text: str) -> None:
    assert marked(text, PHRASES) == []
