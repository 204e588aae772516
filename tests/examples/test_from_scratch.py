"""The example's own derivatives and optimisers, against torch's and against finite differences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import from_scratch as example

SCRIPT = Path(example.__file__)
V, H, T, B = 7, 5, 6, 3


def model(L: int) -> tuple[example.Params, np.ndarray, np.ndarray, np.ndarray]:
    """Parameters in float64 with biases that matter, a state ``(L, B, H)``, inputs, targets."""
    rng = np.random.default_rng(L)
    params = {n: p.astype(np.float64) for n, p in example.initialise(rng, V, H, L).items()}
    params |= {n: rng.normal(size=p.shape) for n, p in params.items() if p.ndim == 1}
    x, y = rng.integers(V, size=(2, T, B))
    return params, rng.uniform(-0.9, 0.9, (L, B, H)), x, y


def loss_of(params: example.Params, h0: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    return example.cross_entropy(example.forward(params, x, h0)[0], y)[0]


def derivatives(
    params: example.Params, h0: np.ndarray, x: np.ndarray, y: np.ndarray
) -> example.Params:
    """All gradients, that of the initial state among them as ``"h0"``."""
    o, h = example.forward(params, x, h0)
    grads, dh0 = example.backward(params, x, h, example.cross_entropy(o, y)[1])
    return grads | {"h0": dh0}


def torch_derivatives(
    params: example.Params, h0: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[float, example.Params]:
    rnn = torch.nn.RNN(V, H, num_layers=len(h0)).double()
    head = torch.nn.Linear(H, V).double()
    twins = {"Wo": head.weight, "bo": head.bias, "h0": torch.tensor(h0, requires_grad=True)}
    for layer in range(len(h0)):
        twins |= {
            f"W{layer + 1}": getattr(rnn, f"weight_ih_l{layer}"),
            f"U{layer + 1}": getattr(rnn, f"weight_hh_l{layer}"),
            f"b{layer + 1}": getattr(rnn, f"bias_ih_l{layer}"),
        }
        torch.nn.init.zeros_(getattr(rnn, f"bias_hh_l{layer}"))
    with torch.no_grad():
        for name, values in params.items():
            twins[name].copy_(torch.from_numpy(values))
    inputs = torch.nn.functional.one_hot(torch.from_numpy(x), V).double()
    scores = head(rnn(inputs, twins["h0"])[0])
    loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), torch.from_numpy(y).flatten())
    grads = torch.autograd.grad(loss, list(twins.values()))
    return loss.item(), {n: g.numpy() for n, g in zip(twins, grads, strict=True)}


@pytest.mark.parametrize("L", [1, 2, 3])
def test_loss_and_gradients_are_those_of_torch(L: int) -> None:
    arguments = model(L)
    ours = derivatives(*arguments)
    loss, theirs = torch_derivatives(*arguments)
    assert loss_of(*arguments) == pytest.approx(loss, rel=1e-12)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert np.abs(gradient).max() > 1e-3, f"{name}: a gradient of zero would show nothing"
        np.testing.assert_allclose(ours[name], gradient, rtol=1e-8, atol=1e-8, err_msg=name)


def test_gradients_are_finite_differences() -> None:
    params, h0, x, y = model(2)
    values = params | {"h0": h0}
    gradients = derivatives(params, h0, x, y)
    step = 1e-5  # its square is the error of the method, 1e-16 / step that of rounding
    for name, array in values.items():
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = values | {name: array.copy()}
                moved[name][place] += sign * step
                ends.append(loss_of(moved, moved["h0"], x, y))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert gradients[name][place] == pytest.approx(slope, rel=1e-6, abs=1e-9), (name, place)


@pytest.mark.parametrize(("name", "twin"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_optimisers_step_as_those_of_torch(name: str, twin: type[torch.optim.Optimizer]) -> None:
    rng = np.random.default_rng(0)
    params = {"W1": rng.normal(size=(4, 3)), "b1": rng.normal(size=4)}
    theirs = {n: torch.tensor(p, requires_grad=True) for n, p in params.items()}
    optimizer = twin(theirs.values(), lr=0.03)  # type: ignore[call-arg]
    update, memory = example.OPTIMIZERS[name][0], example.no_memory(params)
    for scale in (1.0, 1e-6, 0.0, 100.0, 1.0):
        grads = {n: scale * rng.normal(size=p.shape) for n, p in params.items()}
        params, memory = update(params, grads, memory, 0.03)
        for n, p in theirs.items():
            p.grad = torch.from_numpy(grads[n])
        optimizer.step()
        for n, p in theirs.items():
            np.testing.assert_allclose(params[n], p.detach().numpy(), rtol=1e-10, atol=1e-10)


def test_clipping_keeps_the_direction_and_leaves_small_gradients_alone() -> None:
    grads = {"W1": np.array([[3.0, 0.0]]), "b1": np.array([4.0])}  # norm 5
    assert example.clip(grads, 5.0) is grads
    clipped = example.clip(grads, 1.0)
    np.testing.assert_allclose(clipped["W1"], [[0.6, 0.0]])
    np.testing.assert_allclose(clipped["b1"], [0.8])


def test_chunks_with_the_state_carried_are_the_whole() -> None:
    params, h0, _, _ = model(2)
    tokens = np.random.default_rng(1).integers(V, size=50)
    ((fresh, x, y),) = example.chunks(tokens, B, 1000)
    assert fresh
    np.testing.assert_array_equal(x.T.ravel(), tokens[:48])
    np.testing.assert_array_equal(y.T.ravel(), tokens[1:49])
    whole, _ = example.forward(params, x, h0)
    parts, begins, h = [], [], h0
    for fresh, part, _ in example.chunks(tokens, B, 7):  # 16 steps: 7, 7 and 2
        scores, states = example.forward(params, part, h)
        h = states[:, -1]
        parts.append(scores)
        begins.append(fresh)
    assert begins == [True, False, False]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)


def test_perplexity_of_a_model_that_knows_nothing_is_the_size_of_the_vocabulary() -> None:
    params, h0, _, _ = model(2)
    params |= {"Wo": np.zeros((V, H)), "bo": np.zeros(V)}
    tokens = np.arange(200) % V
    assert example.perplexity(params, tokens, h0, T) == pytest.approx(V, rel=1e-12)


def test_float32_stays_float32() -> None:
    params = example.initialise(np.random.default_rng(0), V, H, 2)
    _, h0, x, y = model(2)
    o, h = example.forward(params, x, h0.astype(np.float32))
    grads, dh0 = example.backward(params, x, h, example.cross_entropy(o, y)[1])
    for update, rate in example.OPTIMIZERS.values():
        updated, _ = update(params, example.clip(grads, 1e-3), example.no_memory(params), rate)
        assert {a.dtype for a in updated.values()} == {np.dtype(np.float32)}
    assert dh0.dtype == np.float32


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_lowers_perplexity(
    optimizer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "book.txt"
    book.write_text("Time and time again the thin layer learns. " * 60, encoding="utf-8")
    small = ["--steps", "300", "--hidden", "24", "--batch", "4", "--chunk", "20", "--rate"]
    rate = {"sgd": "1", "adam": "0.01"}[optimizer]
    assert example.main([str(book), "--optimizer", optimizer, *small, rate]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:12]]
    (_, early, _, _), (_, learned, held_out, _) = rows[0], rows[-1]
    assert float(early) > 2.5
    assert float(learned) < 1.2
    assert float(held_out) < 1.2


def test_training_carries_the_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = tmp_path / "book.txt"
    book.write_text("abac" * 400, encoding="utf-8")  # what follows an a, only the past can tell
    small = ["--chunk", "1", "--steps", "600", "--hidden", "16", "--batch", "2", "--rate", "0.01"]
    assert example.main([str(book), *small]) == 0
    last = capsys.readouterr().out.splitlines()[11].split()
    assert last[0] == "600"
    assert float(last[1]) < 1.2  # a chunk of one step without its past: at best sqrt(2)


def test_a_sample_reads_all_that_stands_before_it() -> None:
    params, h0, x, _ = model(2)
    params["Wo"] = params["Wo"] * 1e4  # so sure of itself that drawing is choosing the best
    prompt, h0 = x[:, 0], h0[:, :1]
    written = example.sample(params, prompt, 8, h0, np.random.default_rng(0))
    everything = np.concatenate([prompt, written])
    scores, _ = example.forward(params, everything[:, None], h0)
    assert written == scores[len(prompt) - 1 : -1, 0].argmax(axis=-1).tolist()
    assert len(set(written)) > 1


def test_runs_as_a_script_without_torch(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("Eine dünne Schicht, 一层薄层. " * 20, encoding="utf-8")
    arguments = [str(book), "--steps", "3", "--hidden", "4", "--batch", "2"]
    program = f"""
import runpy, sys
sys.argv = [{str(SCRIPT)!r}, *{arguments!r}]
try:
    runpy.run_path({str(SCRIPT)!r}, run_name="__main__")
finally:
    assert not {{"torch", "lamina"}} & set(sys.modules)
"""
    command = [sys.executable, "-X", "utf8", "-c", program]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "held out" in done.stdout


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "got 0 characters; need more than"), (b"\xff\xfe", "utf-8")],
)
def test_a_file_that_cannot_be_used_gives_one_line(
    content: bytes | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "book.txt"
    if content is not None:
        book.write_bytes(content)
    assert example.main([str(book)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{book}: ")
    assert err.count("\n") == 1
    assert reason in err


def test_the_shortest_text_that_is_taken_can_be_trained_on(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("ab" * 20 + "c")
    assert example.main([str(book), "--batch", "4", "--steps", "2", "--hidden", "2"]) == 0
    book.write_text("ab" * 20)
    assert example.main([str(book), "--batch", "4", "--steps", "2", "--hidden", "2"]) == 2
