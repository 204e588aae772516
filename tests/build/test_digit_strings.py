"""The script that makes strings of spoken digits, on clips of our own and on the real ones."""

from __future__ import annotations

import csv
import io
import os
import runpy
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

SCRIPT = Path(__file__).parents[2] / "data" / "digit_strings.py"
SIZES = ("--train", "6", "--validation", "3", "--test", "4")


def make(archive: Path, out: Path, *options: str) -> dict[str, list[dict[str, str]]]:
    """Run the script; the rows of each part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [SCRIPT.name, str(archive), "--out", str(out), *SIZES, *options])
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return {
        part: list(csv.DictReader((out / f"{part}.csv").open()))
        for part in ("train", "validation", "test")
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two speakers; a clip is as loud as its number says: test below 0.1, validation below 0.2."""
    with tarfile.open(tmp_path / "clips.tar.gz", "w:gz") as tar:
        for speaker in ("ann", "bob"):
            for digit in range(10):
                for number in (0, 4, 5, 9, 10, 12):
                    clip = io.BytesIO()
                    level = 0.02 * number + 0.01
                    soundfile.write(clip, np.full(800, level), 8000, format="WAV")
                    info = tarfile.TarInfo(f"recordings/{digit}_{speaker}_{number}.wav")
                    info.size = len(clip.getvalue())
                    tar.addfile(info, io.BytesIO(clip.getvalue()))
    return tmp_path / "clips.tar.gz"


def test_parts_have_clips_of_their_own(archive: Path, tmp_path: Path) -> None:
    parts = make(archive, tmp_path / "a")
    assert {part: len(rows) for part, rows in parts.items()} == {
        "train": 6,
        "validation": 3,
        "test": 4,
    }
    limits = {"test": (0.0, 0.1), "validation": (0.1, 0.2), "train": (0.2, 0.3)}
    for part, rows in parts.items():
        for row in rows:
            assert 3 <= len(row["text"].split()) <= 7
            samples, rate = soundfile.read(tmp_path / "a" / row["audio"])
            assert rate == 8000
            runs = samples[:-1][np.abs(np.diff(samples)) < 1e-9]  # a clip is level, a pause is not
            low, high = limits[part]
            assert len(runs) >= 3 * 700
            assert ((runs > low) & (runs < high)).mean() > 0.95
    again = make(archive, tmp_path / "b")
    assert again == parts
    for path in (tmp_path / "a").rglob("*.wav"):
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert other.read_bytes() == path.read_bytes()


def test_a_speaker_can_be_held_out(archive: Path, tmp_path: Path) -> None:
    parts = make(archive, tmp_path / "a", "--hold-out", "bob")
    assert {row["speaker"] for row in parts["test"]} == {"bob"}
    assert {row["speaker"] for row in parts["train"] + parts["validation"]} == {"ann"}
    with pytest.raises(SystemExit, match="no speaker 'eve'; there are ann, bob"):
        make(archive, tmp_path / "b", "--hold-out", "eve")


def test_the_real_clips(tmp_path: Path) -> None:
    archive = Path(os.environ.get("LAMINA_DATA", "."), "fsdd", "recordings.tar.gz")
    if not archive.exists():
        pytest.skip(f"no {archive}: set LAMINA_DATA to a folder with fsdd/recordings.tar.gz")
    parts = make(archive, tmp_path, "--hold-out", "theo")
    assert {row["speaker"] for row in parts["test"]} == {"theo"}
    assert "theo" not in {row["speaker"] for row in parts["train"]}
