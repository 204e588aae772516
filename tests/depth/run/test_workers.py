"""Several processes: the same verdict, whoever dies, and nobody left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.run.runners import attempts, worker
from lamina.depth.run.runners.parcel import pack, unpack
from lamina.depth.tell.progress import LiveSearch, SilentSearch
from lamina.spec import LaminaError
from lamina.tasks import LanguageModel
from lamina.train import Settings, Silent
from mortal import SEARCH, Faulty, Slow, mortal, outcome
from sessions import needs_proc, read_until, start, wait_until_empty


class Listener(SilentSearch):
    """Remembers what it hears of."""

    def __init__(self):
        self.notes, self.evaluated = [], []

    def trial(self, job):
        return Inside(self, job)

    def note(self, text):
        self.notes.append(text)


class Inside(Silent):
    def __init__(self, listener, job):
        self.listener, self.job = listener, job

    def evaluated(self, line, best):
        self.listener.evaluated.append((self.job.key, line["epoch"]))


def run(task, listener=None, **changes):
    arguments = {**SEARCH, "workers": 2, "progress": listener or SilentSearch(), **changes}
    return search(task, **arguments)


@pytest.fixture(scope="module")
def serial():
    return search(Toy(), progress=SilentSearch(), **SEARCH)


@pytest.fixture(autouse=True)
def nobody_stays():
    yield
    assert multiprocessing.active_children() == []


def test_two_workers_tell_what_they_do_and_one_that_is_killed_goes_on(serial, tmp_path):
    listener = Listener()
    verdict = run(mortal(tmp_path / "life"), listener, out=tmp_path / "out")
    assert outcome(verdict) == outcome(serial)
    jobs = {trial.job.key for trial in verdict.trials}
    assert set(listener.evaluated) == {(key, epoch) for key in jobs for epoch in (1, 2)}
    deaths = [note for note in listener.notes if "its process died" in note]
    assert deaths
    assert all(note.startswith("depth 2 seed") and "(SIGKILL)" in note for note in deaths)
    # Two steps were kept and are not taken again: 2 seeds of 2 epochs of 4 batches, and the death.
    steps = sum(file.stat().st_size for file in (tmp_path / "life").glob("steps-*"))
    assert steps == 16 + len(deaths)


def test_one_that_dies_again_and_again_is_given_up_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "ATTEMPTS", 2)
    with pytest.raises(LaminaError, match=r"depth 1 seed 0: its process died 2 times \(SIGKILL\)"):
        run(mortal(tmp_path / "life", depth=1, lives=100), depths=(1,), seeds=1)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (LaminaError("is bad", place="x.csv"), LaminaError, "^x.csv: is bad$"),
        (ZeroDivisionError("oh"), RuntimeError, "ZeroDivisionError: oh"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_raised_here(error, kind, words):
    with pytest.raises(kind, match=words):
        run(Faulty(error), depths=(1,), seeds=1)


def test_a_job_that_comes_together_with_the_end_does_not_begin(monkeypatch):
    here, there = multiprocessing.Pipe()
    here.send(Job(depth=1, seed=0))
    here.send(None)
    ran, closed = [], threading.Event()

    class Closed(worker._State):
        def close(self):
            super().close()
            closed.set()

    monkeypatch.setattr(worker, "_State", Closed)
    monkeypatch.setattr(worker, "unpack", lambda parcel: closed.wait(10))
    monkeypatch.setattr(worker, "run_job", lambda *given: ran.append(given))
    worker.work(there, b"", Path(), torch.get_num_threads())
    assert not ran
    assert [here.recv(), here.recv()] == [("ready",), ("interrupted",)]


def test_a_task_that_cannot_travel_is_refused():
    task = Toy()
    task.more = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(LaminaError, match="'toy' cannot be sent to another process"):
        run(task)
    with pytest.raises(LaminaError, match="workers is 0; need at least 1"):
        run(Toy(), workers=0)


def test_a_task_of_lamina_travels_without_its_data(tmp_path):
    book = tmp_path / "book.txt"
    book.write_text("the time traveller came back and told his story.\n" * 200)
    setup = Setup(LanguageModel(str(book)), (), Settings(), None, {})
    parcel = pack(setup)
    assert len(parcel) < 4000 < book.stat().st_size
    there = unpack(parcel)
    assert there.task.config() == setup.task.config()
    assert there.task.batches("train")[0].inputs.equal(setup.task.batches("train")[0].inputs)
    book.write_text("another story.\n" * 800)
    with pytest.raises(LaminaError, match="has changed"):
        unpack(parcel)


def test_the_live_table_has_a_line_for_each_that_runs(serial):
    live = LiveSearch()
    live.draw = lambda: None  # type: ignore[method-assign]
    live.plan = SimpleNamespace(epochs=2)  # type: ignore[assignment]
    live.pace = SimpleNamespace(began=lambda job: None)  # type: ignore[assignment]
    first, second = (trial.job for trial in serial.trials[:2])
    insides = live.trial(first), live.trial(second)
    insides[1].step(2, 2, 4, 0.5, 1.0)
    assert live.running == {
        first.key: ("depth 2 seed 0", 0.0),
        second.key: ("depth 1 seed 0: epoch 2/2, loss 0.500", 0.75),
    }


@needs_proc
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_is_stopped_leaves_no_process_and_goes_on(serial, tmp_path: Path, kill):
    process = start(tmp_path / "out", "--workers", 2, "--seconds", 1)
    read_until(process, "trial 1/4")
    # A terminal sends Ctrl-C to all of the session; a kill reaches the parent alone.
    (os.killpg if kill == signal.SIGINT else os.kill)(process.pid, kill)
    said = process.communicate()[1]
    wait_until_empty(process.pid)
    assert process.returncode in (-kill, 128 + kill, 1), said
    if kill == signal.SIGINT:
        assert said.count("Traceback") == 1  # that of the script itself
    done = list((tmp_path / "out" / "trials").glob("*/trial.json"))
    assert done
    again = search(Slow(0.0), out=tmp_path / "out", progress=SilentSearch(), **SEARCH)
    assert outcome(again) == outcome(serial)
