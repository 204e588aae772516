"""One answer for each row, in the order of the rows, whatever a file is like; or a sentence that
says which line is at fault, or left out."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import Outcome, lamina
from lamina.data.read.files import lines
from lamina.tasks import load
from lamina.train import Silent, fit
from task_cases import CASES
from task_world import write_world

#: Each kind of data: the column of the text, or of the number.
TEXTS = {"reviews": "text", "stars": "text", "topics": "text"}
FEW = settings(max_examples=10, deadline=None)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory):
    """A run of each kind of data, by its name."""
    folder = tmp_path_factory.mktemp("rows")
    write_world(folder / "world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        for name in (*TEXTS, "pairs", "sensors", "machines", "entities", "series", "book"):
            case = CASES[name]
            torch.manual_seed(0)
            task = case.open(folder / "world")
            model = task.model(**{"width": 4, **case.shapes[0]})
            fit(model, task, epochs=1, out=folder / name, progress=Silent())
        yield folder


def said(outcome: Outcome, path: str) -> bool:
    """Whether a command refused in one line that names a place in the file."""
    wrong = [line for line in lines(outcome.err) if not line.startswith("lamina: note:")]
    refused = outcome.status == 2 and len(wrong) == 1 and path in wrong[0]
    assert refused or outcome.status == 0, outcome
    return refused


def answers(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(outcome.out)]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Equal but for the place, and for the rounding of other batches."""
    for key, value in other.items():
        close = isinstance(value, float | list) and key != "labels"
        if close and not np.allclose(one[key], value, atol=1e-5):
            return False
        if not close and one[key] != value:
            return False
    return True


#: Texts with every odd character: NUL, lone carriage returns, separators of lines and paragraphs.
_ODD = st.text(st.sampled_from('ab c"\t,;\n\r\x00\x0b\x0c\x1c\x85\u2028\u0301é中🙂#'), max_size=12)
_ROWS = st.lists(
    st.one_of(_ODD, st.sampled_from(["fine cat", "poor dog fox", " ", ""])), min_size=1
)
_ENDS = st.sampled_from(["\n", "\r\n"])


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_a_table(name: str, runs: Path) -> None:
    model = load(runs / name)

    @FEW
    @given(_ROWS, _ENDS, st.sampled_from(["", "\n", "\n\n"]), st.sampled_from(["", "\ufeff"]))
    def check(texts: list[str], end: str, tail: str, mark: str) -> None:
        out = io.StringIO(newline="")
        table = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
        table.writerows([["other", "text"], *(["x", text] for text in texts)])
        path = runs / "odd.csv"
        path.write_bytes((mark + out.getvalue().rstrip("\r\n") + tail).encode())
        found = lamina("predict", name, path.name, "--json")
        again = lamina("predict", name, "--file", path.name, "--json")
        assert (found.status, found.out) == (again.status, again.out)
        if said(again, path.name):
            return
        given = answers(found)
        assert len(given) == len(texts)
        assert len(lines(lamina("predict", name, "--file", path.name).out)) == len(texts)
        for text, answer in zip(texts, given, strict=True):
            assert same(answer, model.answers([text])[0])
        starts = [int(answer["place"].rpartition(":")[2]) for answer in given]
        assert starts == sorted(set(starts))

    check()


@pytest.mark.parametrize("name", [*TEXTS, "pairs", "book"])
def test_lines_of_standard_input(name: str, runs: Path) -> None:
    model = load(runs / name)

    @FEW
    @given(_ROWS, _ENDS, st.sampled_from(["", "\n", "\r\n", "\n\n\n"]))
    def check(texts: list[str], end: str, tail: str) -> None:
        typed = [text.replace("\n", " ").rstrip("\r") for text in texts]
        found = lamina("predict", name, "--json", stdin=(end.join(typed) + tail).encode())
        while typed and not typed[-1].strip():
            typed.pop()
        refused = found.status == 2 and found.err.count("\n") <= 2
        if refused and ("stdin" in found.err or "example" in found.err):
            return
        given = answers(found)
        assert len(given) == len(typed), (found.err, typed)
        for text, answer in zip(typed, given, strict=True):
            assert same(answer, model.answers([text])[0])

    check()


@pytest.mark.parametrize("name", ["pairs", "book"])
def test_lines_of_a_file(name: str, runs: Path) -> None:
    model = load(runs / name)

    @FEW
    @given(_ROWS, _ENDS, st.sampled_from(["", "\n", "\n\n"]))
    def check(texts: list[str], end: str, tail: str) -> None:
        rows = [text.replace("\n", " ").rstrip("\r").replace("\t", " ") for text in texts]
        path = runs / "lines.txt"
        path.write_bytes((end.join(rows) + tail).encode())
        found = lamina("predict", name, path.name, "--json")
        if said(found, path.name):
            return
        given = answers(found)
        assert len(given) == len(rows)
        for text, answer in zip(rows, given, strict=True):
            assert same(answer, model.answers([text])[0])

    check()


@pytest.mark.parametrize("name", ["sensors", "machines"])
def test_sequences_of_a_table(name: str, runs: Path) -> None:
    """However the rows of the ids are mixed, each id gets one answer, in order of appearance."""
    model = load(runs / name)

    @FEW
    @given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=20), _ENDS, st.booleans())
    def check(ids: list[str], end: str, blank: bool) -> None:
        rows = [f"{i},{k / 7},{'' if k % 5 == 2 else k}" for k, i in enumerate(ids)]
        path = runs / "steps.csv"
        path.write_bytes(end.join(["run,heat,speed", *rows, *[""] * 2 * blank]).encode())
        found = lamina("predict", name, path.name, "--json")
        assert found.status == 0, found.err
        given = answers(found)
        assert [answer["id"] for answer in given] == list(dict.fromkeys(ids))
        for answer in given:
            steps = [
                (k / 7, np.nan if k % 5 == 2 else k) for k, i in enumerate(ids) if i == answer["id"]
            ]
            assert same(answer, model.answers([np.array(steps)])[0])

    check()


def test_words_of_a_file(runs: Path) -> None:
    """Every word of every sentence gets a label; the lines of the file stay as they are."""

    @FEW
    @given(
        st.lists(
            st.lists(st.sampled_from(["cat", "Rome", "Ada", "é", "#1"]), max_size=4), min_size=1
        ),
        _ENDS,
    )
    def check(sentences: list[list[str]], end: str) -> None:
        path = runs / "words.txt"
        text = end.join(end.join([*words, ""]) for words in sentences)
        path.write_bytes(text.encode())
        found = lamina("predict", "entities", path.name)
        if said(found, path.name):
            assert not any(sentences)
            return
        words = [line.split("\t")[0].split(" ")[0] for line in lines(found.out) if line.strip()]
        assert words == [word for words in sentences for word in words]

    check()


def test_a_series_goes_on_from_a_file_that_is_named(runs: Path) -> None:
    found = lamina("predict", "series", "world/series.csv")
    again = lamina("predict", "series", "--file", "world/series.csv")
    assert (found.status, found.out) == (0, again.out)
    assert len(lines(found.out)) == 1 + 2 * 5  # two shops, five steps


def test_what_is_evaluated_is_counted(runs: Path) -> None:
    for name, count in {"reviews": 10, "stars": 10, "sensors": 10, "machines": 10}.items():
        found = lamina("evaluate", name, f"world/{name}.test.csv")
        assert f"over {count} predictions" in found.out, found


def test_a_file_and_a_text(runs: Path) -> None:
    found = lamina("predict", "reviews", "world/reviews.test.csv")
    assert "lamina: note: world/reviews.test.csv is read as a file" in found.err
    assert len(lines(found.out)) == 10
    missing = lamina("predict", "reviews", "no/file.csv")
    assert "lamina: note: no/file.csv does not exist; it is read as a text" in missing.err
    assert len(lines(missing.out)) == 1
    assert lamina("predict", "reviews", "a film. no csv").err == ""
    assert len(lines(lamina("predict", "reviews", "fine " * 5000).out)) == 1
    assert len(lines(lamina("predict", "reviews", "fine", "world/reviews.test.csv").out)) == 2
    assert "need a file" in lamina("predict", "sensors", "fine").err
    assert os.path.isfile("world/reviews.test.csv")


def test_a_label_with_a_line_end_stays_on_its_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f'text {i},"{"a" if i % 2 else "b"}\nc\td"' for i in range(40)]
    Path("t.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    small = ("--epochs", 1, "--width", 2, "--depth", 1, "--min-count", 1, "--out", "run")
    assert lamina("train", "classify", "t.csv", "--text", "text", *small).status == 0
    (line,) = lines(lamina("predict", "run", "text 1").out)
    assert line.count("\t") == 1
    assert line.split("\t")[0] in ("a\\nc\\td", "b\\nc\\td")


def test_recordings_of_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row gets an answer, in order, also where one recording has several rows."""
    write_world(tmp_path / "world")
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    case = CASES["tones"]
    task = case.open(Path("world"))
    fit(task.model(width=4, **case.shapes[0]), task, epochs=1, out="run", progress=Silent())
    head, *rows = Path("world/tones.test.csv").read_text().splitlines()
    rows = [*rows[::-1], rows[3], rows[3]]
    Path("world/odd.csv").write_text("\r\n".join([head, *rows, ",", ""]))
    found = lamina("predict", "run", "--file", "world/odd.csv", "--json")
    names = [row.split(",")[0] for row in rows]
    assert [Path(each["id"]).name for each in answers(found)] == [Path(n).name for n in names]
    assert "leaves out 1 row at the end" in found.err
    scored = lamina("evaluate", "run", "world/odd.csv")
    characters = sum(len(row.split(",")[1]) for row in rows)
    assert f"over {characters} predictions" in scored.out, scored


def test_residues_of_fasta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_world(tmp_path / "world")
    monkeypatch.chdir(tmp_path)
    case = CASES["residues"]
    task = case.open(Path("world"))
    fit(task.model(width=4, **case.shapes[0]), task, epochs=1, out="run", progress=Silent())
    given = Path("world/residues.fasta").read_text().splitlines()
    found = lines(lamina("predict", "run", "--file", "world/residues.fasta").out)
    assert [line for line in found if line[0] == ">"] == [line for line in given if line[0] == ">"]
    sequences = [line for line in given if line[0] != ">"]
    assert found[1::3] == sequences
    assert [*map(len, found[2::3])] == [*map(len, sequences)]
    mask = Path("world/mask.fasta").read_text().splitlines()
    count = sum(line.count("1") for line in mask if line[0] != ">")
    files = ("--label", "world/labels.fasta", "--mask", "world/mask.fasta")
    scored = lamina("evaluate", "run", "world/residues.fasta", *files)
    assert f"over {count} predictions" in scored.out.replace(",", ""), scored


def test_cases_of_a_ts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sktime")
    monkeypatch.chdir(tmp_path)
    head = (
        "@problemName Toy\n@timeStamps false\n@univariate true\n@classLabel true up down\n@data\n"
    )
    cases = [f"{k / 7},{k},{-k}:{'up' if k % 2 else 'down'}" for k in range(40)]
    Path("toy.ts").write_text(head + "\n".join(cases) + "\n")
    small = ("--epochs", 1, "--width", 2, "--depth", 1, "--out", "run")
    assert lamina("train", "classify", "toy.ts", *small).status == 0
    for option in ("--text", "--id", "--label", "--level"):
        outcome = lamina("train", "classify", "toy.ts", option, "characters", *small[:-1], "other")
        assert outcome.status == 2, option
    Path("odd.ts").write_bytes(
        (head + "\n\n".join(cases[:9]) + "\n\n").replace("\n", "\r\n").encode()
    )
    given = answers(lamina("predict", "run", "--file", "odd.ts", "--json"))
    assert [each["id"] for each in given] == [str(i + 1) for i in range(9)]
    assert "over 9 predictions" in lamina("evaluate", "run", "odd.ts").out
