"""One time step of a whole stack at a time, for streams and for generation: :class:`Stepper`.

A recurrence over time wants long products; a single step of one to eight sequences has none, and
takes as long as it takes to read the weights. The core (``csrc/step``) packs them once, keeps the
state, and reads each weight once a step; with 8-bit weights it reads a quarter.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamina.cells import Activation, Cell, Weights, cell_named
from lamina.kernels import threads
from lamina.kernels.given import article
from lamina.kernels.library import fused_name
from lamina.spec import LaminaError, State

try:
    from lamina.kernels import _core
except ImportError:
    _core = None

MOST_BATCH = 8

#: What a second thread saves is the time to read its weights, what it costs is to wait for it twice
#: a layer: it is worth it from so many bytes on.
BYTES_A_THREAD = 1 << 19
MOST_THREADS = 8

StepWeights: TypeAlias = Literal["float32", "int8"]


class StepLayer(NamedTuple):
    """One layer as a step runs it, forwards in time.

    residual: its input is added to its output, through ``skip`` ``(H, I)`` if there is one.
    """

    weights: Weights
    activation: Activation = "tanh"
    residual: bool = False
    skip: Tensor | None = None


class Stepper:
    """A stack that is run one time step a call, and keeps its state.

    Args:
        cell: of all layers.
        layers: bottom first. The weights are copied: later changes of them are not seen.
        batch: how many sequences go side by side, 1 to 8. Each gets the same bits as alone.
        weights: ``"float32"``, or ``"int8"``: each row ``w`` of a matrix is rounded to whole
            multiples of ``s = max|w| / 127``, and each vector ``x`` that is multiplied to whole
            multiples of ``r = max|x| / 32767``, so that a product is off by at most
            ``s/2 * sum|x| + r/2 * sum|w|`` (with the rounded ``w``), beside the rounding of
            floats. Biases, gains, equations and state stay float32.
        table: ``(V, G*H)``, ``W x`` of each of ``V`` tokens, in place of the first layer's
            ``w_ih``; a step then takes tokens. It stays float32.

    Raises:
        LaminaError: the core was not built, or cannot run such layers.
    """

    def __init__(
        self,
        cell: str,
        layers: Sequence[StepLayer],
        *,
        batch: int = 1,
        weights: StepWeights = "float32",
        table: Tensor | None = None,
    ):
        if _core is None:
            raise LaminaError(
                "a stepper needs lamina's C++ core, which is not there; install lamina where a C++ "
                "compiler is, or call the stack with T=1 and carry its state"
            )
        if not isinstance(batch, Integral) or not 1 <= batch <= MOST_BATCH:
            raise LaminaError(f"batch is {batch}; need 1 to {MOST_BATCH}, or call the stack itself")
        if weights not in ("float32", "int8"):
            raise LaminaError(f"weights is {weights!r}; need 'float32' or 'int8'")
        self.cell = cell_named(cell)
        if fused_name(self.cell, "tanh") is None:
            raise LaminaError(
                f"a stepper cannot run the cell {self.cell.name!r}, which the core does not know; "
                "need rnn, gru or lstm, or call the stack with T=1 and carry its state"
            )
        self.batch = batch = int(batch)
        self.widths = tuple(_hidden(self.cell, layer.weights) for layer in layers)
        w_ih = layers[0].weights.w_ih
        inputs = 0 if w_ih is None else w_ih.shape[1]
        given = [_as_core_takes_it(self.cell, layer, weights == "int8") for layer in layers]
        try:
            self._core = _core.Stepper(
                given,
                inputs,
                int(batch),
                weights == "int8",
                None if table is None else _array(table),
                _threads(layers, weights),
            )
        except ValueError as error:
            raise LaminaError(f"a stepper cannot run these layers: {error}") from None
        self._step = self._core.step
        self._shape = (batch, self.widths[-1])

    def step(self, x: NDArray[Any] | Tensor) -> NDArray[np.float32]:
        """Read one time step: ``x`` ``(B, I)`` float32, or tokens ``(B,)`` int64 where the stepper
        was made for tokens. Returns the top layer's output ``(B, H)``, an array of its own.

        With int8 weights, a number in ``x`` that is not finite makes the whole output of that
        sequence not a number.

        Raises:
            LaminaError: ``x`` is of another shape or type, or not contiguous, or not on the CPU;
                a token is out of range. The state is then as before.
        """
        if type(x) is not np.ndarray:
            x = _array(x) if isinstance(x, Tensor) else x
        out = np.empty(self._shape, np.float32)
        try:
            self._step(x, out)
        except ValueError as error:
            raise LaminaError(str(error)) from None
        return out

    __call__ = step

    def reset(self) -> None:
        """Begin new sequences: the state is zero."""
        self._core.reset()

    @property
    def state(self) -> State:
        """A copy of the state, as :meth:`lamina.nn.Stack.forward` gives it and takes it: for each
        layer ``(h,)`` or ``(h, c)``, each ``(1, B, H)`` float32.

        Setting it raises :class:`LaminaError` where shapes do not fit; the state is then as before.
        """
        layers = []
        for layer, width in enumerate(self.widths):
            parts = [np.empty((self.batch, width), np.float32) for _ in self.cell.parts]
            for index, part in enumerate(parts):
                self._core.get_state(layer, index, part)
            layers.append(tuple(torch.from_numpy(part)[None] for part in parts))
        return tuple(layers)

    @state.setter
    def state(self, state: State) -> None:
        parts = len(self.cell.parts)
        need = [((1, self.batch, width),) * parts for width in self.widths]
        try:
            got: Any = [tuple(tuple(part.shape) for part in layer) for layer in state]
        except (TypeError, AttributeError):
            got = article(type(state).__name__)
        if got != need:
            raise LaminaError(
                f"state is {got}; need {need}, one entry a layer with parts (1, B, H)"
            )
        arrays = [[_array(part[0].to("cpu", torch.float32)) for part in layer] for layer in state]
        for layer, row in enumerate(arrays):
            for index, array in enumerate(row):
                self._core.set_state(layer, index, array)

    @property
    def threads(self) -> int:
        """How many threads a step uses at most; each step takes one or all, as proves faster."""
        return self._core.threads

    @property
    def weight_bytes(self) -> int:
        """How many bytes of packed weights a step reads."""
        return self._core.weight_bytes


def _array(tensor: Tensor) -> NDArray[Any]:
    if tensor.device.type != "cpu":
        raise LaminaError(f"got a tensor on {tensor.device}; a stepper runs on the cpu")
    try:
        return tensor.detach().numpy()
    except (TypeError, RuntimeError) as error:  # bfloat16, sparse, ...
        raise LaminaError(f"got a tensor that numpy does not know: {error}") from None


def _threads(layers: Sequence[StepLayer], weights: StepWeights) -> int:
    numbers = sum(
        matrix.numel()
        for layer in layers
        for matrix in (layer.weights.w_ih, layer.weights.w_hh, layer.skip)
        if matrix is not None
    )
    useful = numbers * (1 if weights == "int8" else 4) // BYTES_A_THREAD
    return max(1, min(useful, MOST_THREADS, threads.count()))


def _hidden(cell: Cell, weights: Weights) -> int:
    assert weights.w_hh is not None
    return weights.w_hh.shape[0] // len(cell.gates)


def _as_core_takes_it(cell: Cell, layer: StepLayer, int8: bool) -> dict[str, Any]:
    w = layer.weights
    if w.w_hr is not None:
        raise LaminaError("a stepper cannot run an LSTM with a projected output (w_hr)")
    norm = w.norm
    tensors = {
        "w_ih": w.w_ih,
        "w_hh": w.w_hh,
        "b_ih": w.b_ih,
        "b_hh": w.b_hh,
        "gain_ih": norm and norm.ih,
        "gain_hh": norm and norm.hh,
        "gain_c": norm and norm.c,
        "shift_c": norm and norm.c_shift,
        "skip": layer.skip,
    }
    arrays = {
        name: _array(tensor.detach().to("cpu", torch.float32).contiguous())
        for name, tensor in tensors.items()
        if tensor is not None
    }
    for name in ("w_ih", "w_hh", "skip"):
        if int8 and name in arrays and not np.isfinite(arrays[name]).all():
            raise LaminaError(f"{name} holds numbers that are not finite; need weights='float32'")
    return {
        "cell": fused_name(cell, layer.activation),
        "hidden": _hidden(cell, w),
        "residual": layer.residual,
        **arrays,
    }
