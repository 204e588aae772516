"""What README.md tells readers to type works: every fenced block is run, on small files.

A ``python`` block is executed; of a ``sh`` block each ``lamina`` line is run with options that make
it small, other lines are left alone if they are known. Blocks without a language and ``text``
blocks show output. Anything else fails here, so that no block stays untried.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import lamina as library
from command_line import TINY, lamina, write_data

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PYTHON, SHELL, SHOWN = {"python"}, {"sh", "bash", "shell", "console"}, {"", "text", "json"}
#: Programs that a shell block may call besides lamina; these are not run.
ELSEWHERE = {"pip", "python", "make", "git", "cd"}
#: Commands that download or take long whatever their options.
NOT_RUN = {("demo",)}


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block, in order."""
    found = _BLOCK.findall(page)
    assert 2 * len(found) == page.count("```"), "a fence that opens or closes nothing"
    return found


def commands(content: str) -> Iterator[list[str]]:
    """The words of each line of a shell block, without prompts and remarks."""
    for line in content.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words:
            yield words


def cut_down(words: list[str]) -> list[str]:
    """The same command on so little that it takes no time."""
    if words[:1] == ["train"] and "--config" in words:
        small = Path("small.json")
        if not small.exists():
            lamina("train", "language-model", "book.txt", *TINY, "--out", "for-config")
            small.write_text(Path("for-config/config.json").read_text())
        at = words.index("--config") + 1
        assert (README.parent / words[at]).exists(), f"README names {words[at]}, which is not there"
        return [*words[:at], str(small), *words[at + 1 :]]
    if words[:1] not in (["train"], ["depth"]) or "--resume" in words or "-h" in words:
        return words
    more = ["--epochs", "1", "--threads", "1"]
    if "--parameters" in words:
        words = words.copy()
        words[words.index("--parameters") + 1] = "20k"
        more += ["--embedding", "8"]
    elif "--width" not in words or "," not in words[words.index("--width") + 1]:
        more += ["--width", "4"] + ["--embedding", "4"] * ("--id" not in words)
    if words[0] == "depth":
        more += ["--depths", "1,2", "--seeds", "1"]
    return [*words, *more]


def small_python(patch: pytest.MonkeyPatch) -> None:
    """Make what a python block trains small: one epoch, two depths, one seed."""
    fit, search = library.train.fit, library.depth.search

    def quick_fit(*args, **more):
        return fit(*args, **{**more, "epochs": 1})

    def quick_search(task, **more):
        settings = (more.pop("settings", None) or library.train.Settings()).changed(epochs=1)
        return search(task, **{**more, "depths": (1, 2), "seeds": 1, "settings": settings})

    patch.setattr(library.train, "fit", quick_fit)
    patch.setattr(library.depth, "search", quick_search)


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the page speaks of, in the current folder."""
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)


def attempt(page: str, patch: pytest.MonkeyPatch) -> None:
    """Run every block of ``page``, in order, in one folder."""
    for number, (language, content) in enumerate(blocks(page), start=1):
        place = f"block {number}"
        if language in PYTHON:
            with patch.context() as small, contextlib.redirect_stdout(io.StringIO()):
                small_python(small)
                exec(compile(content, place, "exec"), {"__name__": "readme"})
            continue
        assert language in SHELL | SHOWN, f"{place}: no way to try a block of {language!r}"
        for program, *words in commands(content) if language in SHELL else ():
            if program != "lamina":
                assert program in ELSEWHERE, f"{place}: cannot try {program}"
            elif tuple(words[:1]) not in NOT_RUN:
                outcome = lamina(*cut_down(words))
                assert outcome.status == 0, f"{place}: lamina {shlex.join(words)}: {outcome.err}"


def test_every_block_of_the_page_works(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt(README.read_text(encoding="utf-8"), monkeypatch)


PROMISED = """
```sh
$ pip install lamina
lamina depth classify reviews.csv --text review --label sentiment \\
    --depths 1-5 --seeds 3 --out runs/reviews   # how deep?
lamina depth language-model book.txt --level char --parameters 300k
lamina train language-model book.txt --cell lstm --depth 2 --width 256 --out runs/book
lamina train --resume runs/book
lamina train --config examples/d2l_deep_lstm.json
lamina generate runs/book --prompt "time traveller"
lamina evaluate runs/reviews more.csv
lamina predict runs/reviews "a film that was lovely"
```
```python
import lamina

task = lamina.tasks.Classify("reviews.csv", text="review", label="sentiment")
verdict = lamina.depth.search(task, depths=range(1, 6), seeds=3)
assert len(verdict.trials) == 2
model = task.model(cell="gru", depth=1, width=4)
assert lamina.train.fit(model, task, epochs=50).epochs == 1
```
"""


def test_what_was_promised_works(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt(PROMISED, monkeypatch)


@pytest.mark.parametrize(
    "block",
    [
        "```ruby\nputs 1\n```\n",
        "```sh\nrm x\n```\n",
        "```sh\nlamina train nothing\n```\n",
        "```sh\nlamina train --config examples/none.json\n```\n",
        "```sh\nlamina evaluate runs/none more.csv\n```\n",
        "```python\nassert False\n```\n",
        "```sh\nlamina --version\n",
    ],
)
def test_a_block_that_fails_is_seen(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        attempt(block, monkeypatch)
