"""What the program does before it needs torch."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from command_line import lamina
from lamina.cli.app import COMMANDS

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
        (("predict", "--help"), "Usage: lamina predict [OPTIONS] RUN [TEXT|FILE]..."),
        (("generate", "--help"), "Usage: lamina generate [OPTIONS] RUN"),
    ],
)
def test_help_loads_no_torch(words: tuple[str, ...], shown: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


@pytest.mark.parametrize(("name", "does"), [(name, does) for name, (_, does) in COMMANDS.items()])
def test_the_list_of_commands_says_what_their_help_says(name: str, does: str) -> None:
    assert f"\n\n  {does}\n\n" in lamina(name, "--help").out


def test_a_command_of_that_name_is_suggested_without_torch() -> None:
    words = [sys.executable, "-c", SCRIPT, "predic"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Did you mean 'predict'?" in done.stderr


INTERRUPTED = """
import signal, sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                print("torch is left half loaded", file=sys.stderr)
                raise

sys.meta_path.insert(0, Impatient())
from lamina.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "run", "more.csv"),
        ("predict", "run", "a film"),
        ("generate", "run", "--prompt", "a"),
        ("doctor",),
    ],
)
def test_ctrl_c_while_torch_loads_ends_the_process_at_once(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (130, "lamina: interrupted\n")


@pytest.mark.parametrize(
    "words", [("evaluate", "run", "more.csv"), ("predict", "run", "a film"), ("doctor",)]
)
def test_ctrl_c_within_a_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("lamina.tasks.load", press)
    monkeypatch.setattr("lamina.cli.doctor.core", press)
    outcome = lamina(*words)
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "lamina: interrupted\n")
