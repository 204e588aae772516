"""Speech to text from the command line, as a practitioner would with recordings of their own."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from command_line import done, interrupt_at_a_step, lamina, weights
from speech_maker import write_strings

TINY = ("--split", "part", "--width", "4", "--bins", "12", "--epochs", "1", "--batch-size", "8")


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_strings(tmp_path, 20)
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def refused(*words: object) -> str:
    outcome = lamina(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    return outcome.err


def test_recordings_are_learnt_scored_and_transcribed() -> None:
    outcome = done(lamina("train", "transcribe", "tones.csv", *TINY, "--halvings", 2))
    assert re.fullmatch(
        r"test WER \d+\.\d\d%, loss .* nats, over \d+ predictions\n  CER \d+\.\d\d%\n", outcome.out
    )
    assert outcome.err.endswith("next  lamina predict runs/tones FILE.wav\n")
    config = json.loads(Path("runs/tones/config.json").read_text())
    assert config["model"]["inputs"]["features"]["bins"] == 12
    assert set(json.loads(Path("runs/tones/test.json").read_text())) == {"loss", "WER", "CER"}

    score = done(lamina("evaluate", "runs/tones", "tones.csv"))
    assert score.out.startswith("test WER ")
    wav = ["wav/tones0.wav", "wav/tones1.wav"]
    some = done(lamina("predict", "runs/tones", *wav, "--json")).out.splitlines()
    assert [json.loads(line)["id"] for line in some] == wav
    assert list(json.loads(some[0])) == ["id", "text", "probability"]
    every = done(lamina("predict", "runs/tones", "--file", "tones.csv")).out.splitlines()
    assert [line.split("\t")[0] for line in every] == [f"wav/tones{i}.wav" for i in range(20)]
    one = done(lamina("predict", "runs/tones", "--file", wav[0], "--json")).out
    assert one.splitlines() == some[:1]


def test_depths_are_compared() -> None:
    search = ("--depths", "1-2", "--seeds", 2, "--out", "s", "--level", "word")
    outcome = done(lamina("depth", "transcribe", "tones.csv", *TINY, *search))
    assert "test WER" in outcome.out
    assert "4 validation recordings" in outcome.out
    assert "4 of them done" in done(lamina("depth", "transcribe", "tones.csv", *TINY, *search)).err


def test_an_interrupted_training_ends_as_one_that_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("train", "transcribe", "tones.csv", *TINY, "--epochs", 3, "--dropout", 0.2)
    done(lamina(*options, "--out", "whole"))
    with monkeypatch.context() as patch:
        interrupt_at_a_step(patch, lambda meter: len(meter.step_ms) >= 3)
        assert lamina(*options, "--out", "cut").status == 130
    done(lamina("train", "--resume", "cut"))
    assert weights("cut") == weights("whole")


def test_bad_recordings_cost_one_line() -> None:
    Path("wav/tones7.wav").write_bytes(b"RIFF")
    line = refused("train", "transcribe", "tones.csv", *TINY)
    assert "tones.csv:9: wav/tones7.wav: is no audio that can be read" in line
    Path("wav/tones7.wav").unlink()
    assert "tones.csv:9: wav/tones7.wav: no such file" in refused(
        "train", "transcribe", "tones.csv", *TINY
    )
    assert "no column 'sentence'" in refused(
        "train", "transcribe", "tones.csv", *TINY, "--text", "sentence"
    )
    assert not Path("runs").exists()


def test_a_search_takes_halvings_that_every_depth_has() -> None:
    search = ("depth", "transcribe", "none.csv", "--halvings", 3, "--depths")
    assert "none.csv: no such file" in refused(*search, "3,4")
    assert "halvings is 3; need 0 to 3, at most one a layer (depth is 1)" in refused(*search, "1,4")


@pytest.mark.parametrize("package", ["soundfile", "kaldi_native_fbank", "rapidfuzz.distance"])
def test_without_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    line = refused("train", "transcribe", "tones.csv", *TINY)
    assert f"{package.partition('.')[0].replace('_', '-')}, which is not installed" in line
    assert "pip install 'lamina[speech]'" in line
