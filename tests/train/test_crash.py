"""Killed with SIGKILL at any moment, a training goes on and ends in the same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def script(mode: str, folder: Path) -> dict:
    path = Path(__file__).parents[1] / "support" / "crash_script.py"
    done = subprocess.run(
        [sys.executable, str(path), mode, str(folder)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_at_every_file_operation(tmp_path):
    came = script("files", tmp_path)
    assert came["kills"] > 40, "a run of two epochs touches more files than that"
    assert came["different"] == []


def test_killed_at_random_moments(tmp_path):
    came = script("random", tmp_path)
    assert came["kills"] >= 20
    assert len(set(came["evaluations"])) > 1, "the kills must land at different places"
    assert came["different"] == 0
