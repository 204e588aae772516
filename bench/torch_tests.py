"""torch's own tests of RNN, GRU and LSTM, run with ``lamina.nn``'s classes in place of torch's.

    python bench/torch_tests.py CHECKOUT
    python bench/torch_tests.py --quick    # a test of this file, in place of torch's

CHECKOUT is a checkout of torch's repository at the version that is installed (of its folder
``test``). Every test that names one of the three classes runs twice: with torch's, and with
lamina's. What counts is how many of those that pass with torch's pass with lamina's.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILES = ("test_nn.py", "nn/test_packed_sequence.py")
NAMES = ("RNN", "GRU", "LSTM")
#: A test is one of these classes' if its name or its text has one of them.
ABOUT = re.compile(r"nn[._](RNN|GRU|LSTM)\b|(?<![a-z])(rnn|gru|lstm)s?(?![a-z])", re.IGNORECASE)
SWITCH = "LAMINA_IN_TORCH"
QUICK = """
import torch

def test_lstm_of_two_layers():
    output, (h, c) = torch.nn.LSTM(2, 3, num_layers=2)(torch.ones(4, 5, 2))
    assert (output.shape, h.shape, c.shape) == ((4, 5, 3), (2, 5, 3), (2, 5, 3))

def test_gru_is_torchs():
    assert torch.nn.GRU.__module__.startswith("torch.")
"""

# -- in the process that runs torch's tests, where this file is a plugin of pytest


def patch() -> None:
    """Put lamina's classes where torch's are."""
    import torch

    import lamina.nn

    for place in (torch.nn, torch.nn.modules):
        for name in NAMES:
            setattr(place, name, getattr(lamina.nn, name))


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep the tests that are about the three classes, on the CPU."""
    kept = [item for item in items if _about(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _about(item: Any) -> bool:
    if "cuda" in item.name or "mps" in item.name:
        return False
    try:
        text = inspect.getsource(inspect.unwrap(item.function))
    except (OSError, TypeError, AttributeError):
        text = ""
    generated = "module_info" in text  # one test for each module, which its name says
    return bool(ABOUT.search(item.name) or (not generated and ABOUT.search(text)))


if os.environ.get(SWITCH):
    patch()

# -- in the process that is started by hand


def outcomes(test: Path, file: str, ours: bool) -> dict[str, str]:
    """``passed``, ``skipped``, or the first line of what went wrong, of each test of a file."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                (str(Path(__file__).parent), str(test), os.environ.get("PYTHONPATH", ""))
            ),
            SWITCH: "1" if ours else "",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "torch_tests", file]
        command += ["-p", "no:cacheprovider", "-o", "addopts=", f"--junitxml={report}"]
        command += ["--noconftest", f"--rootdir={test}"]
        done = subprocess.run(command, cwd=test, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):  # 1: some test failed
            said = "".join((done.stderr or done.stdout).strip().splitlines()[-1:])
            raise SystemExit(f"torch_tests: {file}: pytest ended with {done.returncode}: {said}")
        cases = ElementTree.parse(report).getroot().iter("testcase")
        return {f"{file}::{case.get('classname')}.{case.get('name')}": _of(case) for case in cases}


def _of(case: ElementTree.Element) -> str:
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return (found.get("message") or kind).strip().splitlines()[0]
    return "passed" if case.find("skipped") is None else "skipped"


def main() -> None:
    """Take a checkout, or the tests of this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?")
    parser.add_argument("--files", nargs="*", default=FILES)
    parser.add_argument("--quick", action="store_true", help="two tests of this file")
    arguments = parser.parse_args()
    if arguments.quick == (arguments.checkout is not None):
        parser.error("need a CHECKOUT of torch's repository, or --quick")
    if not arguments.quick and not (arguments.checkout / "test").is_dir():
        parser.error(f"{arguments.checkout} has no folder 'test'; need a checkout of torch")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.quick:
            Path(folder, "test_quick.py").write_text(QUICK)
            compare(Path(folder), ["test_quick.py"])
        else:
            compare(arguments.checkout.resolve() / "test", arguments.files)


def compare(test: Path, files: Sequence[str]) -> None:
    """Run each file with torch's classes and with lamina's, and print a table and what differs."""
    passed = same = 0
    print(f"{'file':<32} {'tests':>6} {'torch':>6} {'lamina':>6}   (torch: those that pass)")
    failures: list[str] = []
    for file in files:
        theirs, ours = (outcomes(test, file, ours=ours) for ours in (False, True))
        good = [name for name, outcome in theirs.items() if outcome == "passed"]
        alike = [name for name in good if ours.get(name) == "passed"]
        failures += [f"{n}\n    {ours.get(n, 'missing')}" for n in good if n not in alike]
        passed, same = passed + len(good), same + len(alike)
        print(f"{file:<32} {len(theirs):>6} {len(good):>6} {len(alike):>6}", flush=True)
    print(f"{'all':<32} {'':>6} {passed:>6} {same:>6}")
    print("\n".join(failures))


if __name__ == "__main__":
    main()
