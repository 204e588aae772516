"""Folders and files stay small enough to find one's way in them."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("src", "csrc", "tests", "bench", "studies", "examples")
MOST_FILES, MOST_LINES = 16, 400


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Every file of the code that git knows."""
    done = subprocess.run(
        ["git", "ls-files", "-z", *CODE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    found = [Path(name) for name in done.stdout.split("\0") if name]
    return [path for path in found if (ROOT / path).is_file()]


def test_no_folder_holds_too_many_files(files: list[Path]) -> None:
    counts = Counter(path.parent for path in files)
    assert counts[Path("src/lamina/cli")] > 5  # the list is one of this tree
    crowded = {str(folder): count for folder, count in counts.items() if count > MOST_FILES}
    assert not crowded, f"more than {MOST_FILES} files: {crowded}. Group them by what they are for."


def test_no_file_is_too_long(files: list[Path]) -> None:
    code = [path for path in files if path.suffix in {".py", ".pyi", ".h", ".cpp"}]
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path in code}
    long = {path: lines for path, lines in lengths.items() if lines > MOST_LINES}
    assert not long, f"more than {MOST_LINES} lines: {long}. A file holds one idea."
