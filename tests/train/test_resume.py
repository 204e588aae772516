"""Interrupted and resumed, a training ends where it would have ended undisturbed."""

import json
import signal
import threading
import time

import pytest
import torch

from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.tasks import Classify
from lamina.train import Result, Silent, fit
from lamina.train.result import TIME_FIELDS
from toy import Points, Stream

TRAINING = {
    "epochs": 3,
    "lr": 0.02,
    "schedule": "plateau",
    "plateau_patience": 0,
    "warmup_steps": 20,
    "checkpoint_steps": 5,
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Stop(BaseException):
    """Ends a training as a crash would: nothing after it runs."""


class Stopping(Stream):
    """Does something at a chosen training step of the process."""

    def __init__(self, at: int, action):
        super().__init__()
        self.at, self.action, self.steps = at, action, 0

    def step(self, model, batch, state):
        if model.training and torch.is_grad_enabled():
            self.steps += 1
            if self.steps == self.at:
                self.action()
        return super().step(model, batch, state)


def crash():
    raise Stop


def train(path, task=None, *, seed=0, **more) -> Result:
    """Train a model initialised with ``seed``; what is resumed must not depend on it."""
    torch.manual_seed(seed)
    task = task or Stream()
    return fit(task.model(), task, **{**TRAINING, **more}, out=path, progress=Silent())


def outcome(path):
    """All that a run leaves behind but for times."""
    run = RunFolder.open(path)
    weights = run.load_model_files()[2]
    history = [{k: v for k, v in line.items() if k not in TIME_FIELDS} for line in run.history()]
    result = {k: v for k, v in (run.result() or {}).items() if k not in TIME_FIELDS}
    files = sorted(p.name for p in run.path.iterdir())
    return {k: v.tolist() for k, v in weights.items()}, history, result, files


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("whole") / "run"
    train(path)
    return outcome(path)


@pytest.mark.parametrize("at", [1, 3, 8, 12, 13, 18, 36])
def test_crash_and_resume(tmp_path, at, whole):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(at, crash))
    train(tmp_path / "run", seed=1, resume=True)
    assert outcome(tmp_path / "run") == whole


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "sgd", "momentum": 0.5},
        {"optimizer": "sgd", "schedule": "cosine"},
        {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "exponential"},
        {"patience": 1, "lr": 5.0, "clip": None},
    ],
)
def test_crash_and_resume_otherwise(tmp_path, more):
    more = {**more, "plateau_patience": 1, "warmup_steps": 3}
    train(tmp_path / "whole", **more)
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(13, crash), **more)
    train(tmp_path / "run", seed=1, resume=True, **more)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("more", [{}, {"evaluate_every": 2}, {"patience": 1, "lr": 5.0}])
def test_pauses_change_nothing(tmp_path, more):
    train(tmp_path / "whole", **more)
    every = more.get("evaluate_every", 1)
    for until in (1, 2):
        result = train(tmp_path / "run", resume=True, until=until, **more)
        if result.stopped != "patience":
            assert (result.stopped, result.epochs) == ("paused", every * -(-until // every))
    train(tmp_path / "run", seed=1, resume=True, **more)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_crashing_again_and_again(tmp_path, whole):
    for _ in range(20):
        try:
            train(tmp_path / "run", Stopping(7, crash), seed=1 if _ else 0, resume=True)
            break
        except Stop:
            pass
    assert _ >= 5
    assert outcome(tmp_path / "run") == whole


def test_a_damaged_checkpoint_costs_only_time(tmp_path, whole):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))
    run = RunFolder.open(tmp_path / "run")
    data = run.checkpoint_file.read_bytes()
    run.checkpoint_file.write_bytes(data[: len(data) // 2])
    train(tmp_path / "run", seed=1, resume=True)
    assert outcome(tmp_path / "run") == whole


def test_no_whole_checkpoint_is_one_line(tmp_path):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))
    run = RunFolder.open(tmp_path / "run")
    run.checkpoint_file.write_bytes(b"")
    run.previous_checkpoint_file.write_bytes(b"")
    with pytest.raises(LaminaError, match=r"current\.safetensors: is not a whole safetensors"):
        train(tmp_path / "run", resume=True)
    assert len(run.history()) == 1, "nothing was changed"


def test_ctrl_c(tmp_path, whole):
    """Finishes the step, saves, says how to go on; the handler is the old one again."""
    notes = []

    class Listening(Silent):
        def note(self, text):
            notes.append(text)

    before = signal.getsignal(signal.SIGINT)
    torch.manual_seed(0)
    task = Stopping(14, lambda: signal.raise_signal(signal.SIGINT))
    out = tmp_path / "run"
    result = fit(task.model(), task, **TRAINING, out=out, progress=Listening())
    assert signal.getsignal(signal.SIGINT) is before
    assert (result.stopped, result.steps, result.epochs) == ("interrupted", 14, 1)
    assert notes == [f"Resume with: lamina train --resume {out}"]
    assert RunFolder.open(out).result() is None
    again = train(out, task := Stopping(10**9, crash), seed=1, resume=True)
    assert task.steps == 36 - 14, "no step is taken twice"
    assert again.stopped == "epochs"
    assert outcome(out) == whole


@pytest.fixture
def python_hears():
    """Python's own answer to Ctrl-C, whatever the shell that started the tests chose: what runs in
    the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_hears")
def test_a_second_ctrl_c_quits_at_once(tmp_path, whole):
    def twice():
        first = signal.getsignal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is first:  # else the two may arrive as one
            time.sleep(0.001)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", Stopping(14, twice))
    assert signal.getsignal(signal.SIGINT) is before
    train(tmp_path / "run", seed=1, resume=True)
    assert outcome(tmp_path / "run") == whole


def test_ctrl_c_without_a_folder():
    task = Stopping(14, lambda: signal.raise_signal(signal.SIGINT))
    result = fit(task.model(), task, **TRAINING, progress=Silent())
    assert (result.stopped, result.best_epoch) == ("interrupted", 1)


def test_other_threads_may_train(tmp_path, whole):
    thread = threading.Thread(target=train, args=(tmp_path / "run",))
    thread.start()
    thread.join()
    assert outcome(tmp_path / "run") == whole


def test_a_run_that_ended_gives_its_result(tmp_path):
    first = train(tmp_path / "run")
    torch.manual_seed(1)
    task = Stopping(1, crash)
    model = task.model()
    again = fit(model, task, out=tmp_path / "run", resume=True, progress=Silent())
    assert again == first
    weights = RunFolder.open(tmp_path / "run").load_model_files()[2]
    assert all(torch.equal(weights[k], v) for k, v in model.state_dict().items())
    (tmp_path / "run" / "result.json").write_text('{"best": 3}')
    with pytest.raises(LaminaError, match=r"result\.json: is not the result of a training run"):
        train(tmp_path / "run", resume=True)


def test_resume_keeps_the_settings_of_the_run(tmp_path, whole):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))
    task = Stream()
    fit(task.model(), task, out=tmp_path / "run", resume=True, progress=Silent())
    assert outcome(tmp_path / "run") == whole


def test_resume_with_something_else_says_what(tmp_path):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))
    with pytest.raises(LaminaError, match=r"training\.lr is 0\.5 now and was 0\.02"):
        train(tmp_path / "run", resume=True, lr=0.5)
    with pytest.raises(LaminaError, match=r"task\.chunk is 6 now and was 5"):
        train(tmp_path / "run", Stream(chunk=6), resume=True)
    task = Points()
    with pytest.raises(LaminaError, match=r"task\.chunk is None now"):
        train(tmp_path / "run", task, resume=True)
    wide = Stream()
    wide.model = lambda: Stream().model(width=9)
    with pytest.raises(LaminaError, match=r"model\.width is 9 now and was 8"):
        train(tmp_path / "run", wide, resume=True)
    with pytest.raises(LaminaError, match="did you mean 'epochs'"):
        train(tmp_path / "run", resume=True, epoch=2)


def test_weights_that_do_not_fit_are_one_line(tmp_path):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))

    class Lying(Stream):
        def model(self):
            model = Stream().model(width=9)
            model.options["width"] = 8
            return model

    with pytest.raises(
        LaminaError,
        match=r"tensor .best.embedding.weight. is float32 \(7, 8\); need float32 \(7, 9\)",
    ) as caught:
        train(tmp_path / "run", Lying(), resume=True)
    assert "\n" not in str(caught.value)


def test_resume_sets_the_threads_of_the_checkpoint(tmp_path):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))
    torch.set_num_threads(2)
    seen = []
    task = Stopping(3, lambda: seen.append(torch.get_num_threads()))
    train(tmp_path / "run", task, resume=True)
    assert seen == [1]
    assert torch.get_num_threads() == 2


def test_broken_settings_of_a_run(tmp_path):
    with pytest.raises(Stop):
        train(tmp_path / "run", Stopping(18, crash))
    run = RunFolder.open(tmp_path / "run")
    config = run.config()
    for training in ({"epochs": -1}, {"zzz": 1}, 3):
        run.write_config({**config, "training": training})
        with pytest.raises(LaminaError, match=r"config\.json"):
            fit(Stream().model(), Stream(), out=run.path, resume=True, progress=Silent())


def test_the_best_weights_survive_a_crash(tmp_path):
    """The best evaluation was before the crash, and none after it is better."""
    task = Points(script=[0.9, 0.5, 0.4])
    wanted = []

    def step(model, batch, state):
        if model.training and len(task.weights) == 2 and not wanted:
            wanted.append(task.weights[0])
            raise Stop
        return Points.step(task, model, batch, state)

    task.step = step
    with pytest.raises(Stop):
        train(tmp_path / "run", task)
    model = task.model()
    result = fit(model, task, out=tmp_path / "run", resume=True, progress=Silent())
    assert torch.equal(model.head.weight, wanted[0])
    assert (result.best, result.best_epoch) == ({**result.best, "accuracy": 0.9}, 1)
    weights = RunFolder.open(tmp_path / "run").load_model_files()[2]
    assert torch.equal(weights["head.weight"], wanted[0])


def test_a_damaged_checkpoint_does_not_take_the_place_of_the_good_one(tmp_path, whole):
    """Damaged, resumed from the one before, and killed before the next whole one is written."""
    run = RunFolder(tmp_path / "run")
    with pytest.raises(Stop):
        train(run.path, Stopping(17, crash))
    data = bytearray(run.checkpoint_file.read_bytes())
    data[len(data) // 2] ^= 1
    run.checkpoint_file.write_bytes(data)
    with pytest.raises(Stop):
        train(run.path, Stopping(2, crash), resume=True)
    assert run.previous_checkpoint_file.exists()
    assert not run.checkpoint_file.exists()
    train(run.path, resume=True)
    assert outcome(run.path) == whole


def test_an_interrupt_in_the_last_evaluation_is_not_lost(tmp_path):
    class Last(Stream):
        asked = False

        def summary(self, sums, count):
            if not self.asked:
                self.asked = True
                signal.raise_signal(signal.SIGINT)
            return super().summary(sums, count)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", Last(), epochs=1)
    assert RunFolder(tmp_path / "run").result() is not None


def test_weights_do_not_go_on_with_another_scale(tmp_path, monkeypatch):
    """That of other data, or of an earlier version, which rounded otherwise."""
    task = Classify("digits", batch_size=400)
    torch.manual_seed(0)
    model = task.model(width=2, depth=1)
    fit(model, task, epochs=2, until=1, out=tmp_path / "run", progress=Silent())
    scale = json.loads(model.assets()["scale.json"])
    scale["mean"][0] += 1e-9
    monkeypatch.setattr(model, "assets", lambda: {"scale.json": json.dumps(scale)})
    monkeypatch.setattr(task, "check_model", lambda model: None)
    with pytest.raises(LaminaError, match=r"scale\.json: is not what this data gives now"):
        fit(model, task, resume=True, out=tmp_path / "run", progress=Silent())
