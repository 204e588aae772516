"""The commands on data with several labels, gaps, and ``.ts`` files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from command_line import TINY, done, lamina

TOPICS = ("classify", "topics.csv", "--text", "text", "--label", "topics", "--separator", ";")
HEAD = "@problemName Toy\n@timeStamps false\n@univariate false\n@classLabel true up down\n@data\n"


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small files in it."""
    names = ("sport", "money", "rain")
    rows = []
    for i in range(60):
        has = [name for k, name in enumerate(names) if (i >> k) % 2]
        rows.append(f"about {' and '.join(has)} {i},{';'.join(has)}")
    (tmp_path / "topics.csv").write_text("\n".join(["text,topics", *rows]) + "\n")
    cases = [f"{i % 5},?,{i % 3}:{'up' if i % 2 else 'down'}\n" for i in range(40)]
    (tmp_path / "a.ts").write_text(HEAD + "".join(cases))
    (tmp_path / "b.ts").write_text(HEAD + "".join(cases[:7]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_labels_from_a_search_to_answers() -> None:
    shape = ("--convolution", 3, "--stride", 2, "--word-dropout", 0.1, "--width", 4)
    weights = ("--class-weights", "rain=2,sport=0.5")
    options = (*shape, *weights, "--embedding", 4, "--epochs", 2, "--threshold", 0.05)
    found = done(
        lamina("depth", *TOPICS, *options, "--depths", "1-2", "--seeds", 2, "--out", "runs/t")
    )
    assert "micro_f1" in found.out
    assert Path("runs/t/report.html").exists()
    score = done(lamina("evaluate", "runs/t", "topics.csv"))
    assert re.fullmatch(
        r"test micro_f1 \d+\.\d\d%, loss .* over 180 predictions\n  macro_f1 \d+\.\d\d%\n",
        score.out,
    )
    lines = done(lamina("predict", "runs/t", "about sport", "--json")).out.splitlines()
    answer = json.loads(lines[0])
    assert sorted(answer["labels"]) == ["money", "rain", "sport"]  # the threshold is low
    assert answer["probabilities"] == sorted(answer["probabilities"], reverse=True)
    shown = done(lamina("predict", "runs/t", "about sport")).out.rstrip("\n").split("\t")
    assert shown[0].split(",") == answer["labels"]
    assert re.fullmatch(r"0\.\d{4}(,0\.\d{4}){2}", shown[1])


def test_ts_files_with_gaps() -> None:
    pytest.importorskip("sktime")
    gaps = ("--missing", "forward", "--missing-indicator")
    done(lamina("train", "classify", "a.ts", "--test", "b.ts", *gaps, "--width", 4, "--epochs", 1))
    assert json.loads(Path("runs/a/test.json").read_text())["accuracy"] >= 0
    assert "over 7 predictions" in done(lamina("evaluate", "runs/a", "b.ts")).out
    lines = done(lamina("predict", "runs/a", "--file", "b.ts")).out.splitlines()
    assert [line.split("\t")[0] for line in lines] == list("1234567")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.ts",), "a.ts:6: a value is missing"),
        (("a.ts", "--missing-indicator"), "--missing-indicator says which"),
        (("a.ts", "--text", "x"), "a .ts file holds numbers"),
        (("none.ts",), "none.ts: no such file"),
        (("topics.csv", "--text", "text", "--label", "topics"), "topics.csv:2: column 'topics'"),
        ((*TOPICS[1:], "--class-weights", "snow=1"), "class weight 'snow=1' is for no label"),
        ((*TOPICS[1:], "--convolution", 0), "convolution is 0"),
        ((*TOPICS[1:], "--separator", " "), "separator is ' '"),
    ],
)
def test_bad_input_is_one_line(words: tuple[object, ...], message: str) -> None:
    if words[0] == "a.ts":
        pytest.importorskip("sktime")
    outcome = lamina("train", "classify", *words, *TINY)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not Path("runs").exists()
