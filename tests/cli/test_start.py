"""What the program does before it needs torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "altair", "polars", "optuna"):
            raise ImportError(f"{name} is forbidden here")

sys.meta_path.insert(0, Forbidden())
from lamina.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ((), "Commands:\n  depth "),
        (("--help",), "Commands:\n  depth "),
        (("--version",), "lamina "),
        (("evaluate", "--help"), "Usage: lamina evaluate [OPTIONS] RUN FILE"),
        (("predict", "--help"), "Usage: lamina predict [OPTIONS] RUN [TEXT]..."),
        (("generate", "--help"), "Usage: lamina generate [OPTIONS] RUN"),
    ],
)
def test_help_loads_no_torch(words: tuple[str, ...], shown: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


def test_a_command_of_that_name_is_suggested_without_torch() -> None:
    words = [sys.executable, "-c", SCRIPT, "predic"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Did you mean 'predict'?" in done.stderr
