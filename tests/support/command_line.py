"""The program ``lamina``, run in this process, and small files for it to read."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lamina.cli.main import main
from lamina.train import loop
from lamina.train.meter import Meter

#: Options of a training that takes no time.
TINY = ("--width", "4", "--embedding", "4", "--epochs", "1")


@dataclass(frozen=True)
class Outcome:
    """What a command left: its status, and the text on stdout and stderr."""

    status: int
    out: str
    err: str


def lamina(*words: object, stdin: bytes = b"") -> Outcome:
    """Run ``lamina`` with ``words`` in the current folder."""
    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([str(word) for word in words])
            except SystemExit as leave:
                status = leave.code
    finally:
        sys.stdin = before
    assert isinstance(status, int)
    return Outcome(status, out.getvalue(), err.getvalue())


def done(outcome: Outcome) -> Outcome:
    """The outcome of a command, which must have worked."""
    assert outcome.status == 0, outcome.err
    return outcome


def weights(run: str) -> bytes:
    """The bytes of the tensors; safetensors orders the metadata before them as it likes."""
    content = Path(run, "weights.safetensors").read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def interrupt_at_a_step(patch: pytest.MonkeyPatch, when: Callable[[Meter], bool]) -> None:
    """Press Ctrl-C at the end of the first training step where ``when`` holds."""

    class Impatient(Meter):
        def add(self, *arguments: Any) -> None:
            super().add(*arguments)
            if when(self):
                signal.raise_signal(signal.SIGINT)

    patch.setattr(loop, "Meter", Impatient)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file under ``folder`` with its bytes, and every folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def write_data(folder: Path) -> None:
    """Small files of every kind: reviews (texts), more (labelled), new (unlabelled), sensors
    (numeric sequences), book (English), classic (Chinese)."""
    rng = random.Random(0)
    words = {"good": ["lovely", "warm", "fine"], "bad": ["dull", "cold", "poor"]}
    rows = []
    for i in range(60):
        mood = ("good", "bad")[i % 2]
        rows.append(f'"a film that is {rng.choice(words[mood])}, number {i}",{mood},{i % 2}')
    (folder / "reviews.csv").write_text("\n".join(["review,sentiment,stars", *rows]) + "\n")
    (folder / "more.csv").write_text("\n".join(["review,sentiment,stars", *rows[:11]]) + "\n")
    (folder / "new.csv").write_text("review\na lovely film\na dull film\na film\n")
    rows = ["run,heat,speed,state"]
    for i in range(40):
        for t in range(3 + i % 5):
            heat = t * (1 if i % 2 else -1) + rng.gauss(0, 0.1)
            rows.append(f"{i},{heat:.4f},{100 + rng.gauss(0, 1):.3f},{'up' if i % 2 else 'down'}")
    (folder / "sensors.csv").write_text("\n".join(rows) + "\n")
    (folder / "book.txt").write_text("the time traveller came back and told his story.\n" * 60)
    classic = "道可道，非常道。名可名，非常名。無名天地之始；有名萬物之母。\n"
    (folder / "classic.txt").write_text(classic * 80, encoding="utf-8")
