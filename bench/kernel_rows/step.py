"""One step of one sequence, as in streaming and generation: from a NumPy vector to a NumPy vector,
through the call that a user makes, with the state carried from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

import lamina.nn
from kernel_rows import peers
from kernel_rows.contest import TOLERANCE, Goal, Row, Side, SkipError
from kernel_rows.networks import CELL_NAMES, Shape, draw, stack, torch_network
from lamina.kernels.stepper import StepWeights
from lamina.spec import LaminaError

Array = np.ndarray
Step = Callable[[Array], Array]
RIVALS = ("ONNX Runtime", "ONNX RT bound")
#: Largest difference over ``STEPS`` steps, as a share of the largest output: int8 rounds weights.
TOLERANCES: dict[StepWeights, float] = {"float32": TOLERANCE, "int8": 0.05}
STEPS = 12


def one_step(quick: bool) -> list[Row]:
    """Batch 1. Targets are for the LSTM; the other cells are for information."""
    targets: dict[str, tuple[float | None, float | None]] = {"lstm": (1.6, 4.0)}
    rows = []
    for cell in CELL_NAMES:
        shape = Shape(cell, batch=1, steps=1)
        shape = shape.small() if quick else shape
        float32, int8 = targets.get(cell, (None, None))
        goals = (
            Goal(f"{shape.name}, float32", RIVALS, float32, "lamina float32"),
            Goal(f"{shape.name}, int8", RIVALS, int8, "lamina int8"),
        )
        title = "one step, batch 1, against float32 in ONNX Runtime"
        rows.append(Row(title, partial(sides, shape), goals, "us"))
    return rows


def sides(shape: Shape) -> Sequence[Side]:
    """Every side starts from a state of zeros when its numbers are taken."""
    network = torch_network(shape).eval()
    mine = stack(network, shape.cell).eval()
    found = [side("torch", partial(torch_step, network), shape)]
    if peers.installed("onnxruntime"):
        graph = peers.onnx_graph(network, shape.cell, steps=1, batch=1, state=True)
        session = peers.onnx_runtime(graph, torch.get_num_threads())
        names = peers.state_names(shape.cell, shape.depth)
        found += [
            side("ONNX Runtime", partial(fed_back, session, names, shape.width), shape),
            side("ONNX RT bound", partial(bound, session, names, shape.width), shape),
        ]

    for kind, tolerance in TOLERANCES.items():
        try:
            start = partial(fresh, mine, kind)
            found.append(side(f"lamina {kind}", start, shape, tolerance, "step"))
        except LaminaError as reason:  # the core is not built
            raise SkipError(str(reason)) from None
    return found


def fresh(mine: lamina.nn.Stack, kind: StepWeights) -> Step:
    return mine.stepper(batch=1, weights=kind).step


def side(
    name: str,
    start: Callable[[], Step],
    shape: Shape,
    tolerance: float = TOLERANCE,
    kernel: str = "",
) -> Side:
    """``start`` gives a step function whose state is zero."""
    inputs = draw(STEPS, 1, shape.width).numpy()
    step = start()

    def values() -> dict[str, torch.Tensor]:
        begun = start()
        return {"outputs": torch.stack([torch.tensor(begun(x)) for x in inputs])}

    return Side(name, lambda: step(inputs[0]), values, tolerance=tolerance, kernel=kernel)


def torch_step(network: nn.RNNBase) -> Step:
    """The module as it is, for one step."""
    state = None

    def step(x: Array) -> Array:
        nonlocal state
        with torch.inference_mode():
            outputs, state = network(torch.from_numpy(x)[None], state)
            return outputs[0].numpy()

    return step


def fed_back(session: Any, names: list[str], width: int) -> Step:
    """``session.run``: the state goes out as arrays and comes in again."""
    state = {name: np.zeros((1, 1, width), np.float32) for name in names}
    wanted = ["y", *(f"new_{name}" for name in names)]

    def step(x: Array) -> Array:
        nonlocal state
        y, *new = session.run(wanted, {"x": x[None], **state})
        state = dict(zip(names, new, strict=True))
        return y[0]

    return step


def bound(session: Any, names: list[str], width: int) -> Step:
    """Two bindings that hand the state to each other, so that no array is made for it."""
    from onnxruntime import OrtValue

    x_value, y_value = (
        OrtValue.ortvalue_from_numpy(np.zeros((1, 1, width), np.float32)) for _ in range(2)
    )
    halves = [
        {n: OrtValue.ortvalue_from_numpy(np.zeros((1, 1, width), np.float32)) for n in names}
        for _ in range(2)
    ]
    bindings = []
    for old, new in (halves, halves[::-1]):
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", x_value)
        binding.bind_ortvalue_output("y", y_value)
        for name in names:
            binding.bind_ortvalue_input(name, old[name])
            binding.bind_ortvalue_output(f"new_{name}", new[name])
        bindings.append(binding)
    turn = 0

    def step(x: Array) -> Array:
        nonlocal turn
        x_value.update_inplace(x[None])
        session.run_with_iobinding(bindings[turn])
        turn = 1 - turn
        return y_value.numpy()[0].copy()  # a view of what the next step overwrites

    return step
