"""The ledger: who has which job, on one storage, between machines that live, die and come back."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from sqlalchemy import event

from depth_toy import Toy
from lamina.depth import search
from lamina.depth.job import Job
from lamina.depth.run import storage, study
from lamina.depth.run.storage import sqlite_url
from lamina.depth.run.study import StudyLedger, study_name
from lamina.depth.tell.progress import SilentSearch
from lamina.depth.trials import run_folder, save_trial
from lamina.spec import PERPLEXITY, LaminaError
from mortal import SEARCH, outcome
from sharing import CONFIG, JOB, machine, trial


class Clock:
    """Stands still until it is moved."""

    def __init__(self, patch: pytest.MonkeyPatch):
        self.now = 0.0
        patch.setattr(study, "time", SimpleNamespace(monotonic=lambda: self.now, time=lambda: 0.0))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "shared.db")


@pytest.fixture
def pair(url: str, tmp_path: Path) -> tuple[StudyLedger, StudyLedger]:
    return machine(url, tmp_path / "a"), machine(url, tmp_path / "b")


def test_a_job_is_had_by_one_and_its_trial_is_seen_by_all(pair):
    a, b = pair
    assert a.claim(JOB)
    assert not b.claim(JOB)
    assert b.finished([JOB]) == []
    assert a.finish(trial()) == trial()
    assert a.finished([JOB, Job(depth=1, seed=0)]) == b.finished([JOB]) == [trial()]
    assert not b.claim(JOB)


def test_a_job_that_is_released_may_be_had_by_another(pair):
    a, b = pair
    assert a.claim(JOB)
    a.release(JOB)
    assert b.claim(JOB)


def test_of_many_that_try_at_once_one_succeeds(url, tmp_path):
    ledgers = [machine(url, tmp_path / str(k)) for k in range(4)]
    jobs = [Job(depth=depth, seed=0) for depth in range(1, 6)]
    had: list[str] = []
    gate = threading.Barrier(len(ledgers))

    def grab(ledger: StudyLedger) -> None:
        for job in jobs:
            gate.wait()
            if ledger.claim(job):
                had.append(job.key)

    threads = [threading.Thread(target=grab, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Of those that created one at the same moment, the first has it; all others have given up.
    assert had == [job.key for job in jobs]


def test_who_falls_silent_loses_the_job_and_who_does_not_keeps_it(pair, monkeypatch):
    clock = Clock(monkeypatch)
    a, b = pair
    other = Job(depth=1, seed=0)
    assert a.claim(JOB)
    assert a.claim(other)
    assert not b.claim(JOB)
    clock.now = study.GRACE + 1
    a.storage.set_trial_user_attr(a._id(a.mine[other.key]), "beat", 1.0)
    assert not b.claim(other)
    assert b.claim(JOB)
    # The first was only slow: whoever ends first counts, for all.
    assert b.finish(trial()) == trial()
    late = trial(value=0.4)
    assert a.finish(late) == trial()
    assert a.finished([JOB]) == b.finished([JOB]) == [trial()]


def test_who_was_taken_for_dead_may_still_end_first(pair, monkeypatch):
    clock = Clock(monkeypatch)
    a, b = pair
    assert a.claim(JOB)
    assert not b.claim(JOB)
    clock.now = study.GRACE + 1
    assert b.claim(JOB)
    assert a.finish(trial()) == trial()
    assert b.finish(trial(value=0.4)) == trial()
    assert b.finished([JOB]) == [trial()]


def test_signs_of_life_are_given_while_a_job_is_had(url, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "BEAT", 0.01)
    with machine(url, tmp_path / "a") as a:
        assert a.claim(JOB)
        first = a._of(JOB)[0].user_attrs["beat"]
        while a._of(JOB)[0].user_attrs["beat"] == first:
            pass
    assert not a._beats.is_alive()


def test_the_same_folder_again_has_nobody_to_wait_for(url, tmp_path):
    a = machine(url, tmp_path / "a")
    assert a.claim(JOB)
    assert machine(url, tmp_path / "a").claim(JOB)


def test_a_trial_that_lies_in_the_folder_is_entered(url, tmp_path):
    run_folder(tmp_path / "a", JOB).mkdir(parents=True)
    save_trial(tmp_path / "a", trial())
    a, b = machine(url, tmp_path / "a"), machine(url, tmp_path / "b")
    assert b.finished([JOB]) == []
    assert a.finished([JOB]) == b.finished([JOB]) == [trial()]


def test_searches_of_something_else_do_not_meet(url, tmp_path):
    a = machine(url, tmp_path / "a")
    assert a.claim(JOB)
    a.finish(trial())
    assert machine(url, tmp_path / "b", min_gain=2.0).finished([JOB]) == []
    assert machine(url, tmp_path / "c", seeds=3, depths=[1, 2, 3]).finished([JOB]) == [trial()]
    assert study_name(CONFIG) == study_name({**CONFIG, "seeds": 5})
    assert study_name(CONFIG) != study_name({**CONFIG, "task": {"name": "toy", "size": 1}})


def test_machines_keep_the_same_files_in_different_places():
    def config(folder, contents="0123", source="rows.csv"):
        file = f"{folder}/{source}"
        data = {"source": file, "test": [file], "label": "rows"}
        task = {"name": "toy", "data": data, "fingerprints": {file: contents}}
        return {**CONFIG, "task": task}

    here = study_name(config("/home/me"))
    assert here == study_name(config("/mnt/data"))
    assert here != study_name(config("/home/me", contents="4567"))
    assert here != study_name(config("/home/me", source="others.csv"))


def test_all_agree_on_what_the_first_said(pair):
    a, b = pair
    assert a.agree("costs", lambda: [1, 2]) == [1, 2]
    assert b.agree("costs", lambda: [3, 4]) == [1, 2]
    assert b.agree("more", lambda: [3, 4]) == [3, 4]


def test_optuna_sees_trials_with_values_and_depths(url, tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    a = StudyLedger(url, CONFIG, folder, PERPLEXITY)
    for job, value in ((JOB, 0.5), (Job(depth=1, seed=0), 0.4), (Job(depth=3, seed=0), None)):
        assert a.claim(job)
        a.finish(trial(job, value))
    assert a.finished([Job(depth=3, seed=0)])[0].diverged
    seen = optuna.load_study(study_name=study_name(CONFIG), storage=url)
    assert (seen.best_value, seen.best_params) == (0.4, {"depth": 1})
    assert [t.state.name for t in seen.trials] == ["COMPLETE", "COMPLETE", "FAIL"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("study.db", "need that of a database"),
        ("sqlite:////no/such/folder/study.db", "cannot be opened or created; its folder"),
        ("postgresql://me:secret@127.0.0.1:1/none", "does not respond: .*refused"),
        ("nosuch://x", "unknown kind of database; need sqlite:///FILE"),
    ],
)
def test_a_storage_that_is_not_there_is_one_line_without_the_password(tmp_path, wrong, words):
    with pytest.raises(LaminaError, match=words) as raised:
        machine(wrong, tmp_path / "a")
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", [b"no database", b"\xff\xfe" * 800], ids=["text", "binary"])
def test_a_study_that_cannot_be_read_may_be_moved_away(url, tmp_path, text):
    with machine(url, tmp_path / "a") as a:
        assert a.claim(JOB)
        a.finish(trial())
    run_folder(tmp_path / "a", JOB).mkdir(parents=True)
    save_trial(tmp_path / "a", trial())
    (tmp_path / "shared.db").write_bytes(text)
    with pytest.raises(LaminaError, match=r"is not the study of a search: .*Move it away"):
        machine(url, tmp_path / "a")
    (tmp_path / "shared.db").unlink()
    assert machine(url, tmp_path / "a").finished([JOB]) == [trial()]


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe", bytes(32), b"short"], ids=["empty", "binary", "nul", "short"]
)
def test_an_owner_that_cannot_be_read_is_another(url, tmp_path, text):
    machine(url, tmp_path / "a")
    file = tmp_path / "a" / "owner.txt"
    file.write_bytes(text)
    owner = machine(url, tmp_path / "a").owner
    assert len(owner) == 32
    assert owner == machine(url, tmp_path / "a").owner == file.read_text().strip()


class Notes(SilentSearch):
    def __init__(self):
        self.ran, self.notes = [], []

    def trial(self, job):
        self.ran.append(job.key)
        return super().trial(job)

    def note(self, text):
        self.notes.append(text)


def test_a_second_machine_trains_nothing_but_the_model_it_hands_over(url, tmp_path):
    here, there = Notes(), Notes()
    first = search(Toy(), out=tmp_path / "a", storage=url, progress=here, **SEARCH)
    second = search(Toy(), out=tmp_path / "b", storage=url, progress=there, **SEARCH)
    assert len(here.ran) == 4
    assert (here.notes, there.ran) == ([], [])
    assert outcome(first) == outcome(second)
    assert first.costs == second.costs
    assert first.tested == second.tested
    assert [note.split(";")[0].partition(" was ")[2] for note in there.notes] == [
        "trained elsewhere"
    ]
    weights = [(tmp_path / name / "history.jsonl").exists() for name in ("a", "b")]
    assert weights == [True, True]


def test_a_search_that_is_not_kept_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search(Toy(), progress=SilentSearch(), **SEARCH)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["begin", "before_cursor_execute", "commit"])
@pytest.mark.parametrize("nth", [1, 2])
def test_ctrl_c_in_the_midst_of_a_transaction_leaves_no_lock(
    url, tmp_path, moment, nth, monkeypatch
):
    """SQLAlchemy does not expect an interrupt there: it raised an error of its own instead, left a
    transaction open, or had the interrupt ignored."""
    monkeypatch.setattr(storage, "PATIENCE", 0.1)
    ledger, other = machine(url, tmp_path / "a"), machine(url, tmp_path / "b")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    left = iter(range(nth, -1, -1))

    def press(*_: object) -> None:
        if next(left, 0) == 1:
            signal.raise_signal(signal.SIGINT)

    engine = ledger.storage._backend.engine
    event.listen(engine, moment, press)
    try:
        with pytest.raises(KeyboardInterrupt):
            ledger.claim(JOB)
    finally:
        signal.signal(signal.SIGINT, before)
    event.remove(engine, moment, press)
    for job in (Job(depth=1, seed=5), Job(depth=1, seed=6)):
        assert other.claim(job)
        assert not ledger.claim(job)


def test_a_second_ctrl_c_does_not_wait_for_the_storage(pair):
    ledger, _ = pair

    def hang(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    event.listen(ledger.storage._backend.engine, "begin", hang)
    try:
        with pytest.raises(KeyboardInterrupt):
            ledger.claim(JOB)
    finally:
        signal.signal(signal.SIGINT, before)
