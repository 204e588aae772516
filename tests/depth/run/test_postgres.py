"""Machines that share a search through a real PostgreSQL server."""

from __future__ import annotations

import os
import signal
import threading

import msgspec
import pytest

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.job import Job
from lamina.depth.run import study
from lamina.depth.tell.progress import SilentSearch
from lamina.depth.tell.verdict import load
from mortal import SEARCH, outcome
from postgres import server
from sessions import read_until, start
from sharing import JOB, machine, trial

pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def database():
    with server() as url:
        yield url


def test_of_many_that_open_and_claim_at_once_one_has_the_job(database, tmp_path):
    jobs = [Job(depth=depth, seed=0) for depth in range(1, 5)]
    gate = threading.Barrier(4)
    had: list[str] = []

    def work(k: int) -> None:
        gate.wait()
        ledger = machine(database, tmp_path / str(k))  # the first of all to come makes the tables
        for job in jobs:
            gate.wait()
            if ledger.claim(job):
                had.append(job.key)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert had == [job.key for job in jobs]
    one = machine(database, tmp_path / "one")
    assert one.claim(JOB)
    assert one.finish(trial()) == trial()
    assert machine(database, tmp_path / "two").finished([JOB]) == [trial()]


def test_two_share_a_search_one_is_killed_and_both_end_with_the_same_verdict(
    database, tmp_path, monkeypatch
):
    alone = search(Toy(), progress=SilentSearch(), **SEARCH)
    first = start(tmp_path / "a", "--storage", database, "--seconds", 0.5)
    read_until(first, "grid: 4 trials")
    second = start(tmp_path / "b", "--storage", database, "--seconds", 0.5)
    read_until(first, "trial 1/4")
    os.kill(first.pid, signal.SIGKILL)  # in the middle of its second
    first.communicate()
    said = second.communicate()[1]
    assert second.returncode == 0, said
    whole = load(tmp_path / "b" / "verdict.json")
    assert outcome(whole) == outcome(alone)
    # Not all was trained there: what the first had ended counts.
    assert said.count(" in ") < 4 + said.count("trained elsewhere")
    # The first comes back, and has nothing left to do but to hand over the model.
    monkeypatch.setattr(study, "GRACE", 3.0)
    back = search(Toy(), out=tmp_path / "a", storage=database, progress=SilentSearch(), **SEARCH)
    assert outcome(back) == outcome(whole)
    assert msgspec.structs.asdict(back.checked) == msgspec.structs.asdict(whole.checked)
