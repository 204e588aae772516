"""The bench of the kernels: it refuses to time what is not the same, and reads times rightly.

Its quick mode is run by ``tests/studies/test_studies.py``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> Iterator[SimpleNamespace]:
    """The modules of the bench, found as its script finds them."""
    sys.path.insert(0, str(ROOT / "bench"))
    import kernels
    from kernel_rows import contest, inference, networks, peers, step, table, text, training

    yield SimpleNamespace(
        kernels=kernels,
        contest=contest,
        inference=inference,
        networks=networks,
        peers=peers,
        step=step,
        table=table,
        text=text,
        training=training,
    )
    sys.path.remove(str(ROOT / "bench"))


def row(bench: SimpleNamespace, *values: dict[str, torch.Tensor], target: float = 2.0):
    """Sides ``torch`` and ``lamina`` that would give these values."""
    sides = [
        bench.contest.Side(name, lambda: None, lambda given=given: given)
        for name, given in zip(("torch", "lamina"), values, strict=True)
    ]
    goal = bench.contest.Goal("work", ("torch",), target)
    return bench.contest.Row("group", lambda: sides, (goal,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"outputs": torch.tensor([1.0, 2.01])},
        {"outputs": torch.tensor([1.0, float("nan")])},
        {"outputs": torch.tensor([1.0])},
        {"outputs": torch.tensor([1.0, 2.0]), "gradient": torch.tensor([1.0])},
        {},
    ],
)
def test_other_numbers_fail_the_row(bench: SimpleNamespace, wrong, monkeypatch, capsys) -> None:
    right = {"outputs": torch.tensor([1.0, 2.0])}
    with pytest.raises(bench.contest.DifferenceError):
        bench.contest.contest(row(bench, right, wrong), 1, 0.0)
    rows = [row(bench, right, wrong), row(bench, right, right)]
    monkeypatch.setattr(bench.kernels, "all_rows", lambda quick: rows)
    monkeypatch.setattr(sys, "argv", ["kernels.py", "--quick"])
    with pytest.raises(SystemExit) as left:
        bench.kernels.main()
    assert left.value.code == 1
    printed = capsys.readouterr().out
    assert "NOT THE SAME NUMBERS" in printed
    assert printed.splitlines()[-1].startswith("  work")  # the rows after it still run


def test_a_changed_weight_is_found_in_outputs_and_gradients(bench: SimpleNamespace) -> None:
    shape = bench.networks.Shape("gru", width=5, batch=2, steps=3)
    theirs, _ = bench.training.pair(shape)
    _, mine = bench.training.pair(shape)
    good, values = theirs.values(), mine.values()
    assert bench.contest.compare(mine, values, "torch", good) < 1e-5
    for name in values:
        changed = values | {name: values[name] * 1.01}
        with pytest.raises(bench.contest.DifferenceError, match=name):
            bench.contest.compare(mine, changed, "torch", good)


def test_ratio_is_of_neighbours_and_against_the_best(bench: SimpleNamespace) -> None:
    goal = bench.contest.Goal("work", ("a", "b", "absent"), 1.5)
    outcome = bench.contest.Outcome(
        bench.contest.Row("group", list, (goal,)),
        samples={"a": [3.0, 30.0, 3.0], "b": [4.0, 4.0, 4.0], "lamina": [2.0, 15.0, 1.0]},
    )
    reading = bench.contest.read(outcome, goal)
    assert (reading.rival, reading.ratios) == ("a", (1.5, 2.0, 3.0))
    assert (reading.ratio, reading.met) == (2.0, True)
    outcome.gflop = {"a": 1.0, "b": 8.0, "lamina": 1.0}  # b did eight times the work
    assert bench.contest.read(outcome, goal).rival == "b"
    alone = bench.contest.read(outcome, bench.contest.Goal("work", ("absent",), 1.5))
    assert (alone.ratio, alone.met) == (None, None)
    assert "not installed" in bench.table.line(outcome, alone)


def test_text_batch_is_the_one_that_was_promised(bench: SimpleNamespace) -> None:
    lengths = bench.text.draw_lengths(32)
    assert (int(lengths.sum()), int(lengths.max()), len(lengths)) == (6339, 400, 32)
    assert int(lengths.min()) >= 20


def test_gflop_counts_every_product(bench: SimpleNamespace) -> None:
    T, B, H = 3, 2, 4
    product = 2e-9 * T * B * (3 * H) * H  # of all steps of a GRU with one of its two matrices
    first = 2 * product + 2 * product + product  # forward; weights; h, and no gradient of x
    second = 2 * product + 2 * product + 2 * product
    shape = bench.networks.Shape("gru", width=H, batch=B, steps=T)
    assert shape.gflop() == pytest.approx(first + second)


def test_backend_that_ran_is_named(bench: SimpleNamespace) -> None:
    shape = bench.networks.Shape("gru", width=5, batch=2, steps=3)
    with bench.contest.watching() as ran:
        bench.training.pair(shape)[1].values()
    assert len(ran) == 1
    assert ran < set(bench.contest.BACKENDS)


def test_threads_are_left_as_they_were(bench: SimpleNamespace, monkeypatch) -> None:
    def asked(sides, repeats: int, sample_s: float) -> dict[str, list[float]]:
        return {side.name: [float(side.before() or torch.get_num_threads())] for side in sides}

    monkeypatch.setattr(bench.contest, "alternate", asked)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        (two,) = bench.training.threads(True)
        outcome = bench.contest.contest(two, 1, 0.0)
        assert torch.get_num_threads() == 3
        assert outcome.samples == {"one thread": [1.0], "lamina": [2.0]}
        torch.set_num_threads(1)
        with pytest.raises(bench.contest.SkipError):
            bench.contest.contest(two, 1, 0.0)
    finally:
        torch.set_num_threads(before)


def test_json_and_choice_of_rows(bench: SimpleNamespace, tmp_path, monkeypatch, capsys) -> None:
    file = tmp_path / "figures.json"
    arguments = ["kernels.py", "--quick", "--rows", "forward only: rnn", "--repeats", "3"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--json", str(file)])
    bench.kernels.main()
    figures = json.loads(file.read_text())
    (only,) = figures["rows"]
    assert only["group"] == "forward only"
    assert {len(samples) for samples in only["seconds"].values()} == {3}
    assert figures["machine"]["threads"] == torch.get_num_threads()
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_onnx_graph_is_the_network(bench: SimpleNamespace, cell: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    shape = bench.networks.Shape(cell, width=6, batch=1, steps=1)
    network = bench.networks.torch_network(shape).eval()
    graph = bench.peers.onnx_graph(network, cell, steps=1, batch=1, state=True)
    session = bench.peers.onnx_runtime(graph, 1)
    names = bench.peers.state_names(cell, shape.depth)
    start = bench.step.torch_step
    need = bench.step.side("torch", lambda: start(network), shape).values()
    for step in (bench.step.fed_back, bench.step.bound):
        side = bench.step.side("ONNX", lambda step=step: step(session, names, 6), shape)
        assert bench.contest.compare(side, side.values(), "torch", need) < 1e-5
