import math

import numpy as np
import pytest
import torch

from lamina.spec import LaminaError
from lamina.store import RunFolder
from lamina.train import Diverged, Result, Settings, Silent, evaluate, fit
from toy import PointModel, Points, Stream


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def quiet(model, task, *args, **kwargs) -> Result:
    return fit(model, task, *args, progress=Silent(), **kwargs)


def test_it_learns_and_says_what_it_did(tmp_path):
    task = Points()
    model = task.model()
    result = quiet(model, task, epochs=30, lr=0.1, out=tmp_path / "run")
    assert result.best["accuracy"] > 0.95
    assert (result.epochs, result.steps, result.stopped) == (30, 120, "epochs")
    assert result.parameters == 6
    assert result.tokens_per_second > 0 < result.step_ms
    assert not model.training
    run = RunFolder.open(tmp_path / "run")
    assert [line["epoch"] for line in run.history()] == list(range(1, 31))
    assert run.history()[-1]["step"] == 120
    assert run.config()["training"]["epochs"] == 30
    assert run.config()["versions"]["torch"] == torch.__version__
    assert not run.checkpoint_folder.exists()


def test_the_loop_is_the_plain_one(tmp_path):
    """fit equals the loop that everybody writes by hand, to the last bit."""
    task = Stream()
    torch.manual_seed(3)
    model = task.model()
    torch.manual_seed(3)
    plain = task.model()
    task.validation = False
    quiet(model, task, epochs=2, lr=0.02, clip=0.05, seed=9)

    torch.manual_seed(9)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.02, fused=True)
    plain.train()
    for epoch in range(2):
        state = None
        for batch in task.batches("train", epoch=epoch, seed=9):
            step = task.step(plain, batch, state)
            state = step.state
            optimizer.zero_grad()
            step.loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.05)
            assert norm > 0.05, "the clip must do something here"
            optimizer.step()
    for a, b in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimizers_are_torchs(name):
    task = Points()
    model, plain = PointModel(), PointModel()
    plain.load_state_dict(model.state_dict())
    more = {"momentum": 0.9} if name == "sgd" else {}
    quiet(model, task, epochs=1, optimizer=name, lr=0.05, weight_decay=0.1, clip=None, **more)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name]
    optimizer = kind(plain.parameters(), lr=0.05, weight_decay=0.1, **more)
    for batch in task.batches("train"):
        optimizer.zero_grad()
        task.step(plain, batch, None).loss.backward()
        optimizer.step()
    for a, b in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_best_weights_are_kept(tmp_path):
    task = Points(script=[0.5, 0.9, 0.7, 0.9])  # the tie does not count as better
    model = task.model()
    result = quiet(model, task, epochs=4, lr=0.1, out=tmp_path / "run")
    assert (result.best["accuracy"], result.best_epoch, result.epochs) == (0.9, 2, 4)
    assert torch.equal(model.head.weight, task.weights[1])
    assert not torch.equal(model.head.weight, task.weights[3])
    _, _, tensors = RunFolder.open(tmp_path / "run").load_model_files()
    assert torch.equal(tensors["head.weight"], task.weights[1])


def test_early_stopping():
    task = Points(script=[0.5, 0.6, 0.6, 0.55, 0.9])
    result = quiet(task.model(), task, epochs=9, patience=2)
    assert (result.stopped, result.epochs, result.best_epoch) == ("patience", 4, 2)
    task = Points(script=[0.5, 0.6, 0.6, 0.65, 0.6])
    assert quiet(task.model(), task, epochs=5, patience=2).stopped == "epochs"


def test_patience_counts_evaluations():
    task = Points(script=[0.5, 0.4, 0.4])
    result = quiet(task.model(), task, epochs=20, patience=2, evaluate_every=3)
    assert (result.stopped, result.epochs, result.best_epoch) == ("patience", 9, 3)


def test_the_last_epoch_is_evaluated(tmp_path):
    task = Points()
    quiet(task.model(), task, epochs=5, evaluate_every=3, out=tmp_path / "run")
    lines = RunFolder.open(tmp_path / "run").history()
    assert [line["epoch"] for line in lines] == [3, 5]


def test_no_validation_part(tmp_path):
    """The training metric is watched, the last weights stay."""
    task = Stream(validation=False)
    model = task.model()
    result = quiet(model, task, epochs=2, lr=3.0, clip=None, out=tmp_path / "run", patience=5)
    assert result.best_epoch == 2
    lines = RunFolder.open(tmp_path / "run").history()
    assert result.best["perplexity"] == lines[-1]["train_perplexity"]
    assert not any(name.startswith("validation") for name in lines[0])
    _, _, tensors = RunFolder.open(tmp_path / "run").load_model_files()
    assert all(torch.equal(tensors[k], v) for k, v in model.state_dict().items())


def test_history_holds_true_sums(tmp_path):
    """The epoch's training loss is the mean over its predictions, the norm that over steps."""
    task = Points()
    model = task.model()
    plain = PointModel()
    plain.load_state_dict(model.state_dict())
    quiet(model, task, epochs=1, optimizer="sgd", lr=1e-12, clip=None, out=tmp_path / "run")
    [line] = RunFolder.open(tmp_path / "run").history()
    norms = []
    for batch in task.batches("train"):
        plain.zero_grad()
        task.step(plain, batch, None).loss.backward()
        norms.append(math.hypot(*(p.grad.norm().item() for p in plain.parameters())))
    assert line["gradient_norm"] == pytest.approx(np.mean(norms))
    assert line["train_loss"] == pytest.approx(line["validation_loss"])
    assert line["lr"] == 1e-12


@pytest.mark.parametrize("poison", [6, 8])
def test_divergence(tmp_path, poison):
    """Six is inside the second epoch, eight its last step."""
    task = Points(poison_step=poison)
    model = task.model()
    with pytest.raises(Diverged, match=f"step {poison} .epoch 2.*try a smaller lr") as caught:
        quiet(model, task, epochs=5, lr=0.1, out=tmp_path / "run")
    assert (caught.value.step, caught.value.epoch) == (poison, 2)
    run = RunFolder.open(tmp_path / "run")
    assert run.result()["stopped"] == "diverged"
    assert len(run.history()) == 1
    _, _, tensors = run.load_model_files()
    assert torch.equal(tensors["head.weight"], task.weights[0])
    assert torch.equal(model.head.weight, task.weights[0])
    with pytest.raises(Diverged) as again:
        quiet(PointModel(), task, epochs=5, lr=0.1, out=tmp_path / "run", resume=True)
    assert (again.value.step, again.value.epoch) == (poison, 2)


def test_divergence_before_the_first_evaluation(tmp_path):
    task = Points(poison_step=2)
    with pytest.raises(Diverged) as caught:
        quiet(task.model(), task, out=tmp_path / "run")
    assert caught.value.result.best == {}
    with pytest.raises(Diverged):
        quiet(task.model(), task, out=tmp_path / "run", resume=True)


def test_divergence_is_noticed_between_looks(monkeypatch):
    """A GPU is looked at every few steps; the last step of an epoch is always one of them."""
    task = Points(poison_step=2)
    monkeypatch.setattr("lamina.train.loop.look_every", lambda device: 32)
    with pytest.raises(Diverged) as caught:
        quiet(task.model(), task)
    assert (caught.value.step, caught.value.epoch) == (4, 1)


def test_evaluate():
    task = Stream()
    model = task.model()
    scores = evaluate(model, task, "validation")
    assert scores == evaluate(model, task, "validation", "cpu"), "dropout must be off"
    assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]))
    assert model.training
    # The state is carried: one long batch scores the same as its chunks.
    task.chunk = 20
    assert evaluate(model, task)["loss"] == pytest.approx(scores["loss"], rel=1e-6)
    task.validation = False
    with pytest.raises(LaminaError, match="validation part has no batches"):
        evaluate(model, task)


def test_what_cannot_be_trained(tmp_path, monkeypatch):
    task = Points()
    with pytest.raises(LaminaError, match="did you mean 'epochs'"):
        quiet(task.model(), task, epoch=3, out=tmp_path / "run")
    with pytest.raises(LaminaError, match="needs the folder"):
        quiet(task.model(), task, resume=True)
    frozen = task.model().requires_grad_(False)
    with pytest.raises(LaminaError, match="no parameters to learn"):
        quiet(frozen, task, out=tmp_path / "run")
    monkeypatch.setattr(task, "batches", lambda part, **_: [])
    with pytest.raises(LaminaError, match="training part has no batches"):
        quiet(task.model(), task, out=tmp_path / "run")
    assert not (tmp_path / "run").exists(), "nothing is written before everything is checked"


def test_a_run_is_never_overwritten(tmp_path):
    task = Points()
    quiet(task.model(), task, epochs=1, out=tmp_path / "run")
    with pytest.raises(LaminaError, match="already holds a run"):
        quiet(task.model(), task, epochs=1, out=tmp_path / "run")


def test_seeded(tmp_path):
    def train(seed):
        torch.manual_seed(0)
        model = Stream().model()
        quiet(model, Stream(), Settings(epochs=1, seed=seed))
        return model.head.weight.detach()

    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))


def test_threads_are_given_back():
    task = Points()
    quiet(task.model(), task, epochs=1, threads=2)
    assert torch.get_num_threads() == 1


def test_frozen_parameters_stay():
    task = Points()
    model = task.model()
    model.head.bias.requires_grad_(False)
    before = model.head.bias.clone()
    result = quiet(model, task, epochs=1, lr=0.1)
    assert torch.equal(model.head.bias, before)
    assert result.parameters == 4


def test_scores_that_are_not_finite_are_a_divergence(tmp_path):
    """The accuracy of weights that are not-a-number looks fine; the loss tells."""

    class Overflowing(Points):
        def summary(self, sums, count):
            scores = super().summary(sums, count)
            return {**scores, "loss": math.inf} if len(self.weights) == 2 else scores

    task = Overflowing()
    with pytest.raises(Diverged) as caught:
        quiet(task.model(), task, out=tmp_path / "run")
    assert (caught.value.epoch, caught.value.result.epochs) == (2, 1)
    assert len(RunFolder.open(tmp_path / "run").history()) == 1


def test_each_line_of_history_is_of_its_own_epoch(tmp_path):
    task = Points()
    model = task.model()
    losses = []

    def step(model, batch, state):
        step = Points.step(task, model, batch, state)
        if model.training:
            losses.append(float(step.loss.detach()))
        return step

    task.step = step
    quiet(model, task, epochs=2, lr=0.5, out=tmp_path / "run")
    lines = RunFolder.open(tmp_path / "run").history()
    assert lines[0]["train_loss"] == pytest.approx(np.mean(losses[:4]))
    assert lines[1]["train_loss"] == pytest.approx(np.mean(losses[4:]))


def test_a_model_in_eval_mode_is_trained_with_dropout():
    def train(training):
        torch.manual_seed(0)
        model = Stream().model().train(training)
        quiet(model, Stream(), epochs=1)
        return model.head.weight

    assert torch.equal(train(True), train(False))
