"""ONNX Runtime and OpenVINO, if they are installed: both read the same ONNX graph.

The graph is written by hand with ONNX's own RNN, GRU and LSTM, the best an exporter could produce.
The packages are those of the dependency group ``peers``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lamina.cells import CELLS

Array = np.ndarray
#: ONNX's order of the gates, by their place in torch's. LSTM: i f g o -> i o f g (ONNX says c).
#: GRU: r z n -> z r n (ONNX says h).
ORDER = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
#: Understood by ONNX Runtime since 1.17 and OpenVINO since 2024.
OPSET, IR = 17, 8


def installed(package: str) -> bool:
    """Whether a peer can run here; each needs ``onnx`` to write the graph."""
    return find_spec("onnx") is not None and find_spec(package) is not None


def state_names(cell: str, layers: int) -> list[str]:
    """Names of the graph's state inputs; its outputs are called the same with ``new_`` before."""
    return [f"{part}{layer}" for layer in range(layers) for part in CELLS[cell].parts]


def onnx_graph(network: nn.RNNBase, cell: str, *, steps: int, batch: int, state: bool) -> bytes:
    """An ONNX model ``x (T, B, I) -> y (T, B, H)``; with ``state`` also each layer's ``h`` (and
    ``c``), ``(1, B, H)``, in and out."""
    from onnx import TensorProto, checker, helper, numpy_helper

    hidden, layers = network.hidden_size, network.num_layers

    def port(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def reorder(weight: Tensor) -> Array:
        blocks = weight.detach().split(hidden)
        return torch.cat([blocks[place] for place in ORDER[cell]]).numpy()

    nodes, constants = [], [numpy_helper.from_array(np.array([1], np.int64), "directions")]
    options: dict[str, Any] = {"hidden_size": hidden}
    if cell == "gru":
        options["linear_before_reset"] = 1  # the form of torch
    below = "x"
    for layer in range(layers):
        w, u, b_ih, b_hh = (
            reorder(network.get_parameter(f"{name}_l{layer}"))
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        names = [f"{name}{layer}" for name in ("W", "R", "B")]
        for name, value in zip(names, (w, u, np.concatenate((b_ih, b_hh))), strict=True):
            constants.append(numpy_helper.from_array(value[None], name))
        parts = [f"{part}{layer}" for part in CELLS[cell].parts] if state else []
        above = "y" if layer == layers - 1 else f"y{layer}"
        outputs = [f"wide{layer}", *(f"new_{part}" for part in parts)]
        inputs = [below, *names, "", *parts] if state else [below, *names]  # "": no lengths
        nodes.append(helper.make_node(cell.upper(), inputs, outputs, **options))
        nodes.append(helper.make_node("Squeeze", [outputs[0], "directions"], [above]))
        below = above

    names = state_names(cell, layers) if state else []
    graph = helper.make_graph(
        nodes,
        "stack",
        [port("x", steps, batch, network.input_size), *(port(n, 1, batch, hidden) for n in names)],
        [port("y", steps, batch, hidden), *(port(f"new_{n}", 1, batch, hidden) for n in names)],
        constants,
    )
    assert len(CELLS[cell].gates) == len(ORDER[cell])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    checker.check_model(model)
    return model.SerializeToString()


def onnx_runtime(graph: bytes, threads: int) -> Any:
    """A session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def openvino_request(graph: bytes, threads: int) -> Callable[[Array], Array]:
    """``x -> y`` on the CPU, tuned for the time of one call, without copies of either."""
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    # OpenVINO may choose bfloat16 by itself where the processor has it.
    settings["INFERENCE_PRECISION_HINT"] = "f32"
    core = openvino.Core()
    request = core.compile_model(core.read_model(graph), "CPU", settings).create_infer_request()
    return lambda x: request.infer({"x": x}, share_inputs=True, share_outputs=True)["y"]
