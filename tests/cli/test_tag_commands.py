"""Sequence labelling from the command line, with files as a practitioner has them."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from command_line import TINY, done, lamina
from lamina.data.read.formats.conll import read_columns
from lamina.data.read.formats.conllu import read_conllu
from lamina.data.read.formats.fasta import read_records
from lamina.train import loop
from lamina.train.meter import Meter
from tagged import write_tagged

SMALL = (*TINY, "--character-embedding", "4", "--character-width", "4", "--batch-size", 8)


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small labelled files in it."""
    write_tagged(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_entities_are_searched_scored_and_predicted() -> None:
    shape = ("--depths", "1,2", "--seeds", 1, "--scheme", "IOBES", "--out", "runs/ner")
    found = done(lamina("depth", "tag", "ner.txt", *shape, *SMALL))
    assert "test f1" in found.out
    assert "validation labels" in Path("runs/ner/report.html").read_text(encoding="utf-8")
    assert 'lamina predict runs/ner "..."' in found.err
    assert "2 of them done" in done(lamina("depth", "tag", "ner.txt", *shape, *SMALL)).err

    score = done(lamina("evaluate", "runs/ner", "ner.txt"))
    count = sum(len(s.words) for s in read_columns("ner.txt", word=1, label=None))
    assert re.fullmatch(
        rf"test f1 \d+\.\d\d%, loss \d\.\d{{4}} nats, over {count:,} predictions\n"
        r"(  (accuracy|precision|recall) \d+\.\d\d%\n){3}",
        score.out,
    )
    lines = Path("ner.txt").read_text(encoding="utf-8").splitlines()
    Path("other.txt").write_text("\n".join(re.sub("-LOC$", "-GPE", line) for line in lines))
    moved = sum(line.endswith("-LOC") for line in lines)
    other = done(lamina("evaluate", "runs/ner", "other.txt"))
    assert f"other.txt: {moved} of {count:,} labels were not seen in training (" in other.err
    assert "-GPE'). They count as errors; the loss leaves them out." in other.err

    typed = done(lamina("predict", "runs/ner", "Ada lives in Rome")).out
    assert [row.split("\t")[0] for row in typed.splitlines()] == ["Ada", "lives", "in", "Rome", ""]

    out = done(lamina("predict", "runs/ner", "--file", "ner.txt")).out
    before = Path("ner.txt").read_text(encoding="utf-8").splitlines()
    after = out.splitlines()
    assert after[0] == "-DOCSTART- -X- O"
    for old, new in zip(before, after, strict=False):
        assert new == old or re.fullmatch(re.escape(old) + " (O|[BI]-(PER|LOC))", new)
    Path("out.txt").write_text(out, encoding="utf-8")
    labelled = read_columns("out.txt", word=1, label=4)
    assert [s.words for s in labelled] == [
        s.words for s in read_columns("ner.txt", word=1, label=None)
    ]
    rows = done(lamina("predict", "runs/ner", "--file", "new.txt")).out.splitlines()
    words = [row.split("\t")[0] for row in rows]
    assert words == ["Ada", "lives", "in", "Rome", "", "here", ""]
    lines = done(lamina("predict", "runs/ner", "--file", "new.txt", "--json")).out.splitlines()
    assert [json.loads(line)["words"] for line in lines] == [words[:4], ["here"]]


def test_a_treebank_comes_out_as_one() -> None:
    done(lamina("train", "tag", "bank.conllu", "--characters", "convolution", *SMALL))
    assert "test accuracy" in done(lamina("evaluate", "runs/bank", "bank.conllu")).out
    out = done(lamina("predict", "runs/bank", "--file", "bank.conllu")).out
    Path("out.conllu").write_text(out, encoding="utf-8")
    old, new = (read_conllu(name, label="upos") for name in ("bank.conllu", "out.conllu"))
    assert [s.words for s in old] == [s.words for s in new]
    assert old[0].lines[0] == new[0].lines[0] == "# a comment"


def test_residues_with_a_mask() -> None:
    files = ("--label", "labels.fasta", "--mask", "mask.fasta")
    small = (*TINY, "--batch-size", 8)
    trained = done(lamina("train", "tag", "residues.fasta", *files, *small, "--out", "r"))
    records = read_records("residues.fasta")
    tested = sum(len(record.text) - 1 for record in records[4::5])
    assert f"over {tested} predictions" in trained.out
    every = sum(len(record.text) for record in records)
    score = ("evaluate", "r", "residues.fasta", "--label", "labels.fasta")
    assert f"over {every} predictions" in done(lamina(*score)).out
    masked = done(lamina(*score, "--mask", "mask.fasta")).out
    assert f"over {every - len(records)} predictions" in masked
    out = done(lamina("predict", "r", "--file", "residues.fasta")).out.splitlines()
    assert out[0] == ">p0 a protein"
    assert out[1] == records[0].text
    assert re.fullmatch(f"[HEC]{{{len(records[0].text)}}}", out[2])
    assert done(lamina("predict", "r", "AVK X")).out.startswith("AVKX\n")


def test_an_interrupted_training_goes_on_to_the_same_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ("train", "tag", "ner.txt", *SMALL, "--dropout", 0.2, "--word-dropout", 0.1)
    done(lamina(*options, "--out", "whole"))

    class Impatient(Meter):
        def add(self, *arguments: Any) -> None:
            super().add(*arguments)
            if len(self.step_ms) == 5:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "Meter", Impatient)
        assert lamina(*options, "--out", "cut").status == 130
    done(lamina("train", "--resume", "cut"))
    whole, cut = (load_file(f"{run}/weights.safetensors") for run in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all((whole[name] == cut[name]).all() for name in whole)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "tag", "none.txt"), "none.txt: no such file"),
        (("train", "tag", "new.txt", "--label", 2), "new.txt:1: no column 2 for the label"),
        (("train", "tag", "residues.fasta"), r"need --label \(a FASTA file"),
        (("train", "tag", "ner.txt", "--scheme", "BIO"), "--scheme is 'BIO'; need"),
        (("train", "tag", "ner.txt", "--characters", "all"), "--characters is 'all'; need"),
        (("depth", "tag", "ner.txt", "--word-dropout", 2), "word-dropout is 2.0"),
        (("train", "tag", "conll2003", "--scheme", "IOBES"), "conll2003' is not here"),
    ],
)
def test_refusals(
    words: tuple[object, ...], message: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMINA_DATA", raising=False)
    monkeypatch.setenv("LAMINA_CACHE", str(world / "cache"))
    outcome = lamina(*words)
    assert outcome.status == 2
    assert outcome.out == ""
    assert re.search(message, outcome.err)
    assert outcome.err.count("\n") == 1
    assert not Path("runs").exists()
