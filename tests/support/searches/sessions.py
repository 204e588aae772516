"""Searches in sessions of their own, as from a terminal: what they leave behind when they end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: All that a session started can be seen only here.
PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")


def start(*arguments: object) -> subprocess.Popen[str]:
    """``mortal.py`` with these arguments, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, HERE / "mortal.py", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)},
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What it says on stderr up to the line that holds ``words``."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(f"ended without {words!r}: {said}")


def left_of(session: int) -> list[int]:
    """The processes of a session that still are, zombies too unless they are left to init."""
    found = []
    for file in PROC.glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        state, parent, _, own = fields[:4]
        if int(own) == session and (state, parent) != ("Z", "1"):
            found.append(int(file.parent.name))
    return found


def wait_until_empty(session: int) -> None:
    """Until no process of a session is left; for ever where one stays."""
    while left_of(session):
        time.sleep(0.05)
