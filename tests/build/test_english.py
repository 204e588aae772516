"""The docs, help and messages avoid phrases that native speakers do not use.

The list holds phrases that have no good use here, so that a hit is always a mistake.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import lamina
from lamina.spec.counted import counted

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "lamina"
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
    r"\bis no (?:run|search|study|trial|verdict|file|folder|name|URL)\b": "is not, does not exist",
    r"\bwho (?:falls|adds|runs|looks)\b": "name the subject: a worker, you",
}
#: Only in help: "Of the draw." does not say what an option does.
IN_HELP = {**PHRASES, r"(?m)^ +-.* {2,}Of (?:the|a|an)\b": "say what the option does"}


def marked(text: str, phrases: dict[str, str]) -> list[str]:
    """Each phrase that is found, with its neighbourhood and the remedy."""
    return [
        f"{text[max(hit.start() - 30, 0) : hit.end() + 30]!r}: write {better}"
        for phrase, better in phrases.items()
        for hit in re.finditer(phrase, text, re.IGNORECASE)
    ]


def commands(*above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command with its help, the subcommands found in the help itself."""
    shown = lamina(*above, "--help").out
    yield above, shown
    _, _, listed = shown.partition("\nCommands:\n")
    for name in re.findall(r"^  ([a-z][a-z-]*)  ", listed.partition("\n\n")[0], re.MULTILINE):
        yield from commands(*above, name)


@pytest.mark.parametrize(
    "page", sorted(str(p.relative_to(ROOT)) for glob in PAGES for p in ROOT.glob(glob))
)
def test_a_page_is_in_plain_english(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert marked(" ".join(text.split()), PHRASES) == []


def literals(source: str) -> Iterator[str]:
    """Every string of a module but its docstrings; what an f-string inserts is left out."""
    nodes = list(ast.walk(ast.parse(source)))
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) in docs:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("package", sorted(p.parent.name for p in SRC.glob("*/__init__.py")))
def test_messages_are_in_plain_english(package: str) -> None:
    found = {
        str(file.relative_to(SRC)): marks
        for file in (SRC / package).rglob("*.py")
        for text in literals(file.read_text(encoding="utf-8"))
        if (marks := marked(" ".join(text.split()), PHRASES))
    }
    assert found == {}


def test_help_is_in_plain_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # a description in one line
    found = dict(commands())
    assert ("depth", "classify") in found
    assert ("predict",) in found
    wrong = {
        " ".join(words): marks for words, text in found.items() if (marks := marked(text, IN_HELP))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "What a race costs hangs on the spread of seeds.",
        "Many\ntrainings.",
        "Go on with a training that was stopped.",
        "  --seed INT  Of the draw.  [default: 0]",
    ],
)
def test_a_phrase_is_seen(text: str) -> None:
    assert len(marked(text, IN_HELP)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "A training run ends; a training set, a validation set.",
        "The letter F stands for forget.",
        "  --lr FLOAT  Learning rate, of the optimizer.",
    ],
)
def test_good_english_passes(text: str) -> None:
    assert marked(text, IN_HELP) == []


NOUNS = "rows|epochs|threads|columns|labels|examples|entries|frames|samples|predictions|trials"
COUNTS = re.compile(rf"\{{[^{{}}]*\}} (?:{NOUNS})\b(?! a second)")


def test_numbers_agree_with_what_they_count() -> None:
    """``1 row``, not ``1 rows``: a message says how many by ``counted``, unless one cannot be."""
    never_one = (
        "samples a",
        "of {count:,} rows",
        "for each of {size}",
        "W has",
        "of {batch_size}",
        "{left}",
        "{pace.total}",
    )
    found = {
        f"{file.relative_to(SRC)}: {line.strip()}"
        for file in SRC.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if COUNTS.search(line) and not any(text in line for text in never_one)
    }
    assert found == set()
    assert (counted(1, "row"), counted(0, "row")) == ("1 row", "0 rows")
    assert (counted(1, "entry"), counted(1797, "entry")) == ("1 entry", "1,797 entries")
