"""The core's threads: how many, in which process, and that they leave no trace in the numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lamina.kernels import Weights, native, scan, threads
from lamina.spec import LaminaError

needs_core = pytest.mark.skipif(native._core is None, reason="the core is not built")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


@pytest.fixture(autouse=True)
def _torch_threads_restored(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    yield
    torch.set_num_threads(before)


def gru(batch: int = 12) -> tuple[Tensor, ...]:
    """Outputs and gradients of a layer; numbers that are the same in every process."""
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> Tensor:
        return (torch.rand(shape, generator=generator) - 0.5).requires_grad_()

    x, h, w_ih, w_hh = draw(5, batch, 7), draw(batch, 33), draw(99, 7), draw(99, 33)
    outputs, _ = scan("gru", x, (h,), Weights(w_ih, w_hh), backend="native")
    return (outputs.detach(), *torch.autograd.grad(outputs.square().sum(), (x, h, w_ih, w_hh)))


def same_bits(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


def in_new_process(body: str, **environment: str) -> str:
    """What a fresh interpreter prints that runs ``body``; this file is its module ``here``."""
    start = f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
    answer = subprocess.run(
        [sys.executable, "-c", start + "import test_threads as here, os, torch\n" + body],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def test_as_many_as_torch_has():
    for n in (1, 3):
        torch.set_num_threads(n)
        assert threads.count() == n


def test_the_variable_wins(monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setenv(threads.VARIABLE, "5")
    assert threads.count() == 5
    monkeypatch.setenv(threads.VARIABLE, "")
    assert threads.count() == 1


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", " "])
def test_a_wrong_variable_is_named(monkeypatch, wrong):
    monkeypatch.setenv(threads.VARIABLE, wrong)
    with pytest.raises(LaminaError, match=r"^LAMINA_THREADS is '.*'; need a whole number"):
        threads.count()


@needs_core
def test_same_bits_for_the_same_number_of_threads():
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        first = gru()
        assert all(same_bits(first, gru()) for _ in range(5))


@needs_core
def test_callers_in_several_threads(monkeypatch):
    monkeypatch.setenv(threads.VARIABLE, "2")  # torch counts for each thread of its own
    alone = {batch: gru(batch) for batch in (1, 4, 12)}
    with ThreadPoolExecutor(4) as pool:
        batches = [1, 4, 12] * 10
        answers = list(pool.map(gru, batches))
    for batch, answer in zip(batches, answers, strict=True):
        assert same_bits(answer, alone[batch])


@needs_core
def test_same_bits_from_either_team(monkeypatch):
    """OpenMP's threads run a call where torch has as many, else the core's own."""
    monkeypatch.setenv(threads.VARIABLE, "2")
    answers = []
    for torchs in (1, 2, 3):
        torch.set_num_threads(torchs)
        answers.append(gru())
    assert all(same_bits(answer, answers[0]) for answer in answers)


@needs_core
@needs_proc
def test_no_more_threads_than_a_call_needs():
    """And none of its own where torch has brought OpenMP's, which would compete with them."""
    body = """
def workers():
    names = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
    return sum(name.strip() == "lamina" for name in names)

for n in (1, 2, 1):
    torch.set_num_threads(n)
    here.gru()
    print(workers())
os.environ["LAMINA_THREADS"] = "3"
here.gru()
print(workers())
"""
    own = ["0", "0", "0", "2"] if torch.backends.openmp.is_available() else ["0", "1", "1", "2"]
    assert in_new_process(body, LAMINA_THREADS="").split() == own


@needs_core
@needs_fork
def test_fork_after_use():
    """A child has no threads but its own; it starts new ones, and so does its child."""
    body = """
first = here.gru()

def descend(generations):
    child = os.fork()
    if child == 0:
        good = here.same_bits(first, here.gru())
        os._exit(0 if good and (generations == 0 or descend(generations - 1)) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

print(descend(1), here.same_bits(first, here.gru()))
"""
    assert in_new_process(body, LAMINA_THREADS="2") == "True True"


@needs_core
@needs_fork
def test_workers_of_a_data_loader():
    body = """
def collate(items):
    return here.gru(len(items))

here.gru()
loader = torch.utils.data.DataLoader(
    range(8), batch_size=4, num_workers=2, collate_fn=collate, multiprocessing_context="fork"
)
print([here.same_bits(batch, here.gru(4)) for batch in loader])
"""
    assert in_new_process(body, LAMINA_THREADS="2") == "[True, True]"
