"""Forward only: a whole batch, against every installed competitor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from kernel_rows import peers
from kernel_rows.contest import Goal, Row, Side
from kernel_rows.networks import Shape, draw, drop_in, torch_network

RIVALS = ("torch", "ONNX Runtime", "OpenVINO")


def forward(quick: bool) -> list[Row]:
    """In evaluation, without a graph for gradients."""
    targets: dict[str, float] = {"lstm": 1.0, "gru": 1.2, "rnn": 1.3}
    rows = []
    for cell, target in targets.items():
        shape = Shape(cell).small() if quick else Shape(cell)
        goal = Goal(str(shape), RIVALS, target)
        rows.append(Row("forward only", partial(sides, shape), (goal,)))
    return rows


def sides(shape: Shape) -> list[Side]:
    network = torch_network(shape).eval()
    twin = drop_in(network, shape.cell).eval()
    x = draw(shape.steps, shape.batch, shape.width)

    def module(name: str, network: nn.Module) -> Side:
        def run() -> Tensor:
            with torch.no_grad():
                return network(x)[0]

        return side(name, run)

    found = [module("torch", network), module("lamina", twin)]
    threads = torch.get_num_threads()
    graph = partial(
        peers.onnx_graph, network, shape.cell, steps=shape.steps, batch=shape.batch, state=False
    )
    if peers.installed("onnxruntime"):
        session = peers.onnx_runtime(graph(), threads)
        feed = {"x": x.numpy()}
        found.append(side("ONNX Runtime", lambda: session.run(None, feed)[0]))
    if peers.installed("openvino"):
        infer = peers.openvino_request(graph(), threads)
        found.append(side("OpenVINO", lambda: infer(x.numpy())))
    return found


def side(name: str, run: Callable[[], object]) -> Side:
    return Side(name, run, lambda: {"outputs": torch.as_tensor(run())})
