"""Run folders that somebody forged, checksums and all: used, or refused in one line."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from command_line import Outcome, lamina
from lamina.train import Silent, fit
from strangers import Forgery, forgeries
from task_cases import CASES
from task_world import write_world

#: Each kind of run: its data, and whether it was paused, with a checkpoint.
RUNS = {
    "texts": ("reviews", False),
    "series": ("series", False),
    "words": ("entities", False),
    "paused classifier": ("reviews", True),
    "paused stream": ("book", True),
}
#: What a command may take, in seconds, on a busy machine.
PATIENCE = 60
#: A change that leaves a run which is as sound as before, but longer than a test may wait for.
LONGER = ("training/epochs", "threads")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Of each kind: the folder, the words of the commands that use it, and its forgeries."""
    folder = tmp_path_factory.mktemp("strangers")
    write_world(folder / "world")
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(folder / "cache"))
        for name, (kind, paused) in RUNS.items():
            case, out = CASES[kind], folder / name
            task = case.open(folder / "world")
            torch.manual_seed(0)
            model = task.model(**{"width": 6, **case.shapes[0]})
            until = 1 if paused else None
            fit(model, task, epochs=2, checkpoint_steps=2, out=out, progress=Silent(), until=until)
            file = folder / "world" / case.answered()
            uses = [["evaluate", "{run}", file], ["predict", "{run}", "--json", "--file", file]]
            if paused:
                uses = [["train", "--resume", "{run}"]]
            every = [f for f in forgeries(out) if not any(word in f.name for word in LONGER)]
            found[name] = out, uses, every
        yield found


def used(runs: dict[str, Any], name: str, forgery: Forgery | None) -> Iterator[Outcome]:
    """What each command makes of a copy of the run that was forged."""
    out, uses, _ = runs[name]
    for words in uses:
        with tempfile.TemporaryDirectory() as scratch:
            run = Path(scratch, "run")
            shutil.copytree(out, run)
            if forgery is not None:
                forgery.write(run)
            yield limited(
                *(word.format(run=run) if isinstance(word, str) else word for word in words)
            )


def limited(*words: object) -> Outcome:
    """A command, which must not take forever."""

    def late(*_: object) -> None:
        raise TimeoutError(f"{words} takes more than {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return lamina(*words)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def one_line(outcome: Outcome) -> str:
    """The line in which a command refused."""
    last = outcome.err.splitlines()[-1]
    assert last.startswith("lamina: ")
    assert "Traceback" not in outcome.err
    assert "out of memory" not in last, "what is refused is refused before it takes memory"
    return last


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer")
@pytest.mark.parametrize("name", RUNS)
@given(data=st.data())
def test_a_forged_run_is_used_or_refused_in_one_line(
    runs: dict[str, Any], name: str, data: st.DataObject
) -> None:
    forgery = data.draw(st.sampled_from(runs[name][2]))
    for outcome in used(runs, name, forgery):
        if outcome.status != 0:
            assert outcome.status == 2, forgery.name
            assert one_line(outcome)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_was_copied_is_used(runs: dict[str, Any], name: str) -> None:
    assert [outcome.status for outcome in used(runs, name, None)] == [0] * len(runs[name][1])


SAID = {
    ("texts", "metadata assets = 0"): "is not a whole safetensors file",
    ("texts", "metadata assets = text"): "does not say which files belong to it",
    ("texts", "assets vocabulary.json = NUL"): "was changed after training",
    ("texts", "config.json: model = surrogate"): "is not valid JSON",
    ("texts", "config.json: model = less deep"): "nested more than 64 levels deep",
    ("texts", "head.weight renamed 'a\\x00b'"): "tensor 'a\\x00b' is float32 (2, 6); need no such",
    ("texts", "head.weight as torch.float16"): "is float16 (2, 6); need float32 (2, 6)",
    ("texts", "head.weight full of nan"): "'head.weight' holds numbers that are not finite",
    ("paused stream", "journal epoch = -1"): "is not a checkpoint: Expected `int` >= 0",
    ("paused stream", "journal epoch = 1000"): "is not of this run, which has 2 epochs of",
    ("paused stream", "journal batch = 1000"): "is not of this run, which has 2 epochs of",
    ("paused stream", "journal best = 0"): "is not a checkpoint: Expected `object`",
    ("paused stream", "random python/0 = 2"): "is not a checkpoint: ",
    ("paused stream", "optimizer.0.exp_avg left out"): "tensor 'optimizer.0.exp_avg' is missing;",
    ("paused stream", "best.embedding.weight flat"): "'best.embedding.weight' is float32 (",
    (
        "paused stream",
        "state.0.h left out",
    ): "tensor 'state.0.h' is missing; need float32 (1, 4, 6)",
    (
        "paused stream",
        "random.cpu full of 255",
    ): "no valid state of torch's random number generator",
}


@pytest.mark.parametrize(("name", "change"), SAID, ids=lambda value: value[:60])
def test_it_is_said_what_is_wrong(runs: dict[str, Any], name: str, change: str) -> None:
    forgery = next(f for f in runs[name][2] if f.name.endswith(change))
    outcome = next(used(runs, name, forgery))
    assert outcome.status == 2
    assert SAID[name, change] in one_line(outcome)


@pytest.mark.parametrize("threads", [0, -1, 1025, 2**31])
def test_threads_are_bounded(runs: dict[str, Any], threads: int) -> None:
    from lamina.spec import LaminaError
    from lamina.train import Settings

    with pytest.raises(LaminaError, match=f"threads is {threads}; need 1 to 1,024"):
        Settings(threads=threads)
