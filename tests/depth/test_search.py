"""The search from end to end on a toy task: stopped, gone on with, grown, refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest
import torch

from depth_toy import Toy, ToyOptions
from lamina.depth import Question, search
from lamina.depth.ask.measure import measure, storage_bytes
from lamina.depth.job import Job
from lamina.depth.judge.evidence import look_level
from lamina.depth.phrases import duration
from lamina.depth.run.storage import sqlite_url
from lamina.depth.run.study import StudyLedger
from lamina.depth.tell.progress import Pace, PlainSearch, SearchPlan, SilentSearch
from lamina.depth.tell.verdict import load
from lamina.depth.trials import Trial, spent
from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.store.lock import hold
from lamina.train import Settings, Silent, evaluate
from sessions import needs_proc

QUICK = Settings(epochs=2, lr=0.02, threads=1)


class Listener(SilentSearch):
    """Remembers the trials that ran; stops the process's work in the middle of one."""

    def __init__(self, stop_at: tuple[int, int] | None = None):
        self.ran: list[tuple[int, int]] = []
        self.stop_at = stop_at

    def trial(self, job):
        self.ran.append((job.depth, job.seed))
        return Bomb() if self.ran[-1] == self.stop_at else Silent()


class Bomb(Silent):
    def step(self, epoch, batch, batches, loss, tokens_per_second):
        if epoch == 2:
            raise RuntimeError("killed")


def run(out: Path | None, listener: SilentSearch | None = None, **changes):
    arguments = {"depths": (1, 2), "seeds": 2, "strategy": "grid", "settings": QUICK, **changes}
    task = arguments.pop("task", Toy())
    return search(task, out=out, progress=listener or SilentSearch(), **arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("search") / "digits"
    listener = Listener()
    return out, run(out, listener), listener


def scores(verdict):
    return {(t.depth, t.seed): (t.value, t.curve) for t in verdict.trials}


def test_all_depths_of_a_seed_run_before_the_next_seed(finished):
    _, verdict, listener = finished
    assert listener.ran == [(2, 0), (1, 0), (2, 1), (1, 1)]  # the deepest first
    assert [(t.depth, t.seed) for t in verdict.trials] == listener.ran


def test_the_verdict_file_holds_the_verdict(finished):
    out, verdict, _ = finished
    assert load(out / "verdict.json") == verdict
    assert json.loads((out / "verdict.json").read_text())["headline"] == verdict.headline
    assert all(len(t.curve) == 2 and t.parameters > 0 for t in verdict.trials)
    assert {c.depth for c in verdict.costs} == {1, 2}
    assert verdict.baseline == Toy().baseline()


def test_seeds_differ_and_a_search_repeats_itself(finished):
    _, verdict, _ = finished
    values = [t.curve for t in verdict.trials if t.depth == 1]
    assert values[0] != values[1]
    assert scores(run(None)) == scores(verdict)


def test_a_seed_changes_the_initial_weights(tmp_path):
    still = Settings(epochs=1, lr=1e-30, threads=1)  # the weights stay as they began
    run(tmp_path / "search", depths=(1,), settings=still)
    trials = sorted((tmp_path / "search" / "trials").iterdir())
    a, b = (RunFolder(trial).load_model_files()[2]["head.weight"] for trial in trials)
    assert not torch.equal(a, b)


def test_the_folder_presents_the_best_seed_of_the_shown_depth(finished):
    out, verdict, _ = finished
    tested = verdict.tested
    assert tested is not None
    assert tested.depth == verdict.decision.shown
    rivals = [t for t in verdict.trials if t.depth == tested.depth]
    assert next(t for t in rivals if t.seed == tested.seed).value == max(t.value for t in rivals)
    config, assets, tensors = RunFolder(out).load_model_files()
    assert assets == {"note.txt": "nothing to know"}
    model = Toy().model(msgspec.convert(config["model"]["options"], ToyOptions))
    model.load_state_dict(tensors)
    assert evaluate(model, Toy(), "test")["accuracy"] == tested.value


def test_an_open_search_says_what_its_folder_holds(tmp_path):
    out = tmp_path / "search"
    verdict, nowhere = run(out, seeds=1), run(None, seeds=1)
    assert verdict.decision.outcome == "undecided"
    assert verdict.tested is not None
    held = f"the folder holds the shallowest of them: 1 layer, seed {verdict.tested.seed}."
    assert held in str(verdict)
    assert "the folder" not in str(nowhere)


def test_a_search_that_was_killed_goes_on_and_ends_the_same(finished, tmp_path):
    _, whole, _ = finished
    out = tmp_path / "search"
    with pytest.raises(RuntimeError, match="killed"):
        run(out, Listener(stop_at=(2, 1)))
    assert not (out / "verdict.json").exists()
    listener = Listener()
    verdict = run(out, listener)
    assert listener.ran == [(2, 1), (1, 1)]
    assert scores(verdict) == scores(whole)
    assert verdict.decision == whole.decision


def test_seeds_and_depths_may_be_added(tmp_path):
    out = tmp_path / "search"
    first = run(out, depths=(1, 2), seeds=1)
    assert first.looks == (1,)
    listener = Listener()
    verdict = run(out, listener, depths=(1, 2, 3), seeds=2)
    assert listener.ran == [(3, 0), (3, 1), (2, 1), (1, 1)]
    assert verdict.looks == (1, 2)
    assert run(out, depths=(1, 2, 3), seeds=2).looks == (1, 2)  # the same look again
    again = run(out, depths=(1, 2, 3), seeds=3, budget=1e-3)  # no time for a second seed
    assert again.looks == (1, 2, 3)
    assert again.decision.level == look_level(0.05, 3)
    assert run(out, depths=(1, 2, 3), seeds=3).looks == (1, 2, 3, 3)


def test_a_search_that_is_refused_changes_nothing(tmp_path):
    out = tmp_path / "search"
    first = run(out)
    with hold(out), pytest.raises(LaminaError, match="another process is using"):
        run(out, seeds=50)
    assert run(out).decision == first.decision


@needs_proc
def test_a_search_leaves_no_file_open(tmp_path):
    def ours():
        links = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        files = [os.readlink(link) for link in links if link.is_symlink()]
        return [file for file in files if file.startswith(str(tmp_path))]

    run(tmp_path / "search")
    assert ours() == []


def test_more_evidence_is_another_look_and_the_same_evidence_is_not(tmp_path):
    out = tmp_path / "search"
    grid = run(out, depths=(1, 2), strategy="grid")
    race = run(out, depths=(1, 2), strategy="race")  # finds all that the grid trained
    assert {t.job for t in race.trials} == {t.job for t in grid.trials}
    assert race.decision == grid.decision
    assert race.looks == grid.looks == (2,)
    deeper = run(out, depths=(1, 2, 3))
    assert deeper.looks == (2, 2)
    assert deeper.decision.level == look_level(0.05, 2)
    assert run(out, depths=(1, 2, 3)).decision == deeper.decision
    assert run(out, depths=(1, 2), strategy="grid").decision == grid.decision


def test_fewer_seeds_may_be_asked_for_and_are_another_look(tmp_path):
    out = tmp_path / "search"
    run(out, seeds=3)
    fewer = run(out, seeds=2)
    assert {trial.seed for trial in fewer.trials} == {0, 1}
    assert fewer.looks == (3, 2)


def test_two_sessions_that_conclude_at_once_count_each_other(tmp_path, monkeypatch):
    storage = sqlite_url(tmp_path / "study.db")
    create, inner = StudyLedger._create, []

    def late(self, job, state, attributes, value):
        """Write the first record only when another session has concluded meanwhile."""
        if attributes.get("said", "").startswith("asked ") and not inner:
            inner.append(None)
            inner[0] = run(tmp_path / "b", seeds=4, storage=storage)
        return create(self, job, state, attributes, value)

    monkeypatch.setattr(StudyLedger, "_create", late)
    outer = run(tmp_path / "a", seeds=3, storage=storage)
    assert inner[0].looks == (4,)
    assert outer.looks == (4, 3)
    assert outer.decision.level == look_level(0.05, 2)


def test_a_budget_that_ends_a_search_is_said_to_have_done_so(tmp_path):
    cut = run(tmp_path / "search", seeds=3, budget=1e-3)
    assert len(cut.trials) == 2
    assert "The budget ran out before all seeds were trained." in cut.saw
    assert not run(tmp_path / "search", seeds=3).saw


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_gain": 2.0}, "min_gain was 1.0 and is 2.0"),
        ({"cell": "gru"}, "changes.cell was None and is 'gru'"),
        ({"settings": Settings(epochs=3, lr=0.02, threads=1)}, "training.epochs was 2 and is 3"),
        ({"task": Toy(size=60)}, "task.data.size was 40 and is 60"),
        ({"width": 8}, "width was None and is 8"),
    ],
)
def test_another_search_is_refused_and_nothing_changes(finished, change, words):
    out, _, _ = finished
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(LaminaError, match=words):
        run(out, **change)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_the_folder_may_be_named_relative_to_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(Path("runs/search"), seeds=1)
    assert RunFolder.open("runs/search").load_model_files()


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(LaminaError, match="no depth search"):
        run(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_a_question_may_be_given_whole(finished):
    _, verdict, _ = finished
    question = Question(depths=(1, 2), seeds=2, strategy="grid")
    whole = search(Toy(), question, settings=QUICK, progress=SilentSearch())
    assert scores(whole) == scores(verdict)
    assert whole.search == verdict.search
    with pytest.raises(LaminaError, match="got a question and seeds="):
        search(Toy(), question, seeds=3)


def test_a_diverged_trial_is_a_result(tmp_path):
    out = tmp_path / "search"
    verdict = run(out, options=ToyOptions(explode=2))
    assert verdict.depth == 1
    assert [t.value for t in verdict.trials if t.depth == 2] == [None, None]
    (told,) = (
        reason for reason in verdict.reasons if reason.startswith("Depth 2: 2 of 2 diverged")
    )
    assert "16% to 100% (95% interval)" in told
    listener = Listener()
    run(out, listener, options=ToyOptions(explode=2))
    assert listener.ran == []


def test_equal_size_and_no_test_part():
    verdict = run(None, parameters=12_000, seeds=1, task=Toy(empty=("test",)))
    assert all(abs(c.parameters - 12_000) <= 120 for c in verdict.candidates)
    assert verdict.tested is not None
    assert verdict.tested.value is None


def test_memory_counts_every_storage_once():
    x = torch.zeros(10, dtype=torch.float32)
    assert storage_bytes([x, x[2:], x.view(2, 5), torch.zeros(3, dtype=torch.int64)]) == 64


def test_costs_grow_with_depth_and_hold_the_optimizer():
    task = Toy()
    costs = measure({d: task.model(depth=d, width=16) for d in (1, 3)}, task, {1: QUICK, 3: QUICK})
    sizes = [4 * sum(p.numel() for p in task.model(depth=d, width=16).parameters()) for d in (1, 3)]
    assert [c.weight_bytes for c in costs] == sizes
    # Plain SGD has no state; Adam's two moments are twice the weights and a few counters.
    plain = QUICK.changed(optimizer="sgd")
    models = {d: task.model(depth=d, width=16) for d in (1, 3)}
    without = measure(models, task, {1: plain, 3: plain})
    for adam, sgd in zip(costs, without, strict=True):
        moments = adam.training_bytes - sgd.training_bytes
        assert 2 * adam.weight_bytes <= moments < 2 * adam.weight_bytes + 200
        assert sgd.training_bytes > 2 * sgd.weight_bytes  # gradients and activations too
    assert costs[1].training_bytes > costs[0].training_bytes
    assert all(c.step_ms > 0 for c in costs)


def trial(job: Job, seconds: float) -> Trial:
    return Trial(job, 1, 0.5, 1, 1, 1, seconds, 1.0, 1.0)


def test_the_time_left_is_what_was_expected_corrected_by_what_was_taken(finished):
    _, verdict, _ = finished
    a, b, later = (Job(depth=d, seed=0, epochs=e) for d, e in ((1, None), (2, None), (2, 1)))

    def seconds(job: Job) -> float:
        return 10.0 * job.depth * (job.epochs or 2)

    pace = Pace(SearchPlan("", verdict.candidates, 2, verdict.metric, seconds, (a, later)))
    assert pace.seconds_left() is None
    pace.finished(trial(a, 30.0), [later])  # half as much again as the 20 s it should have been
    assert pace.seconds_left() == pytest.approx(1.5 * 20)
    pace.finished(trial(later, 30.0), [b])  # the same training goes on
    assert pace.seconds_left() == pytest.approx(1.5 * 40 - 30)
    assert pace.count == "2/3"
    shown = [duration(s) for s in (0, 0.34, 0.97, 5, 600, 7260)]
    assert shown == ["0 s", "0.3 s", "1 s", "5 s", "10 min", "2 h 1 min"]


def test_what_was_paused_is_spent_once():
    first = trial(Job(depth=1, seed=0, epochs=1), 10.0)
    assert spent([first, trial(Job(depth=1, seed=0), 25.0), trial(Job(depth=2, seed=0), 4)]) == 29


def test_plain_progress_says_how_many_trials(capsys, tmp_path):
    run(tmp_path / "search", PlainSearch())
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("grid: 4 trials of depths 1, 2; up to 2 epochs a trial; about")
    assert [line.split(":")[0] for line in lines[1:]] == [f"trial {i}/4" for i in range(1, 5)]


def test_a_trial_of_another_search_is_refused(tmp_path, finished):
    out, *_ = finished
    run(tmp_path / "other", depths=(1, 2), seeds=1)
    shutil.rmtree(tmp_path / "other" / "trials" / "depth-2-seed-0")
    shutil.copytree(
        out / "trials" / "depth-1-seed-0", tmp_path / "other" / "trials" / "depth-2-seed-0"
    )
    with pytest.raises(LaminaError, match="is of depth 1 seed 0, not of depth 2 seed 0"):
        run(tmp_path / "other", depths=(1, 2), seeds=1)
