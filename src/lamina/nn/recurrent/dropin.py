"""Drop-in replacements for ``torch.nn``'s ``RNN``, ``GRU`` and ``LSTM``, run by lamina's kernels.

Arguments, weights and results are torch's: ``from torch.nn import LSTM`` becomes
``from lamina.nn import LSTM``. Constructor, initialisation, weight names, checks and copying are
inherited. Only the forward pass differs: a packed sequence is padded and run as dense layers with
known lengths, which on a CPU is much faster than a packed recurrence.
"""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch.fx import Proxy
from torch.nn.functional import dropout
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.rnn import PackedSequence

from lamina.cells import CELLS, Activation
from lamina.kernels import Weights, check_tensor, private, scan
from lamina.spec import LaminaError, LaminaWarning, LayerState

__all__ = ["GRU", "LSTM", "RNN"]


class _DropIn(torch.nn.RNNBase):
    """The base of the three classes; each also inherits from torch's class of the same name."""

    cell: str

    def to_torch(self) -> torch.nn.RNNBase:
        """torch's own module of the same name, which shares this one's parameters; for tools that
        know torch's classes alone, such as dynamic quantization and ONNX.

        Raises:
            LaminaError: A weight is parametrized.
        """
        if is_parametrized(self):
            raise LaminaError("a weight is parametrized; use parametrize.remove_parametrizations")
        kind = next(k for k in type(self).__mro__ if k.__module__.startswith("torch.nn"))
        made: Any = kind.__new__(kind)  # type: ignore[call-overload]
        for name, value in vars(self).items():  # what may be changed in place is copied
            vars(made)[name] = copy(value) if isinstance(value, dict | list) else value
        return made

    def __prepare_scriptable__(self) -> torch.nn.RNNBase:
        """What ``torch.jit.script`` compiles in place of this module."""
        return self.to_torch()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "qconfig":  # the one thing that torch's quantization does to every module
            kind = type(self).__name__
            warnings.warn(
                f"torch's quantization leaves lamina.nn.{kind} as it is; quantize what to_torch() "
                "gives, or use Stack.stepper(weights='int8')",
                LaminaWarning,
                stacklevel=2,
            )
        super().__setattr__(name, value)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run the layers as torch's class of the same name does.

        Args:
            input: A tensor or a ``PackedSequence``.
            hx: The initial state; ``None`` means zeros.

        Returns:
            The outputs, of the same kind as ``input``, and the final state.

        Raises:
            ValueError, RuntimeError: As torch's, if shapes or dtypes do not fit.
        """
        if isinstance(input, Proxy):  # as torch.fx does with torch's own modules: one node
            place = input.tracer.path_of_module(self)  # type: ignore[attr-defined]
            return input.tracer.create_proxy("call_module", place, (input, hx), {})
        if not isinstance(input, PackedSequence):
            check_tensor("input", input, "a tensor or a PackedSequence")
        device = (input.data if isinstance(input, PackedSequence) else input).device.type
        if device != "cpu" or torch.is_autocast_enabled(device) or private.tracing():
            # cuDNN runs a whole stack, packed or not, in one call; under autocast torch chooses a
            # dtype for each operation, which we do not try to reproduce; and what torch.jit.trace
            # records should need nothing but torch.
            return super().forward(input, hx)
        private.refresh(self)
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        return self._dense(input, hx)

    def _dense(self, input: Tensor, hx: Any) -> tuple[Tensor, Any]:
        if input.dim() not in (2, 3):
            name = type(self).__name__
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D tensor")
        if input.dim() == 2:  # one sequence without a batch axis
            hx = None if hx is None else self._hidden(p[:, None] for p in self._parts(hx, dim=2))
            output, final = self._dense(input[None] if self.batch_first else input[:, None], hx)
            output = output.squeeze(0 if self.batch_first else 1)
            return output, self._hidden(part.squeeze(1) for part in self._parts(final))
        if hx is None:
            hx = self._zeros(input, input.shape[0 if self.batch_first else 1])
        parts = self._parts(hx, dim=3)
        self.check_forward_args(input, hx, None)
        x = input.transpose(0, 1) if self.batch_first else input  # (T, B, I)
        x, final = run_layers(self, x, parts, None)
        return (x.transpose(0, 1) if self.batch_first else x), self._hidden(final)

    def _packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, batch_sizes, sorted_indices, unsorted_indices = input
        batch = int(batch_sizes[0])
        hx = self._zeros(data, batch) if hx is None else hx
        self.check_forward_args(data, hx, batch_sizes)
        hx = self.permute_hidden(hx, sorted_indices)

        valid = torch.arange(batch) < batch_sizes[:, None]  # (T, B)
        place = valid.flatten().nonzero()[:, 0]  # of each packed row among the padded ones
        x = data.new_zeros(valid.numel(), data.shape[1]).index_copy(0, place, data)
        x, final = run_layers(self, x.unflatten(0, valid.shape), self._parts(hx), valid.sum(dim=0))
        data = x.flatten(0, 1).index_select(0, place)

        hidden = self.permute_hidden(self._hidden(final), unsorted_indices)
        return PackedSequence(data, batch_sizes, sorted_indices, unsorted_indices), hidden

    def _zeros(self, input: Tensor, batch: int) -> Any:
        rows = self.num_layers * (2 if self.bidirectional else 1)
        outputs, *memory = (self.hidden_size for _ in CELLS[self.cell].parts)
        sizes = (self.proj_size or outputs, *memory)
        return self._hidden(input.new_zeros(rows, batch, size) for size in sizes)

    def _parts(self, hx: Any, dim: int | None = None) -> LayerState:
        """torch's ``h`` or ``(h, c)`` as a tuple; each part must have ``dim`` axes."""
        parts = (hx,) if len(CELLS[self.cell].parts) == 1 else tuple(hx)
        if dim is not None and any(part.dim() != dim for part in parts):
            kind = "unbatched 2-D" if dim == 2 else "batched 3-D"
            names, got = "hx", f"{parts[0].dim()}-D tensor"
            if len(parts) > 1:
                dims = ", ".join(f"{part.dim()}-D" for part in parts)
                names, got = "hx and cx", f"({dims}) tensors"
            raise RuntimeError(f"For {kind} input, {names} should also be {dim}-D but got {got}")
        return parts

    def _hidden(self, parts: Any) -> Any:
        """The inverse of :meth:`_parts`."""
        parts = tuple(parts)
        return parts[0] if len(parts) == 1 else parts


def run_layers(
    module: _DropIn, x: Tensor, state: LayerState, lengths: Tensor | None
) -> tuple[Tensor, LayerState]:
    """Run all layers, in one or both directions, with dropout between layers.

    ``x`` ``(T, B, I)``, state parts ``(L*D, B, H)`` -> outputs ``(T, B, D*H)`` and final state.
    """
    activation: Activation = "relu" if module.mode == "RNN_RELU" else "tanh"
    suffixes = ("", "_reverse") if module.bidirectional else ("",)
    finals = []
    for layer in range(module.num_layers):
        if layer:
            x = dropout(x, module.dropout, module.training)
        outputs = []
        for suffix in suffixes:
            initial = tuple(part[len(finals)] for part in state)
            out, final = scan(
                module.cell,
                x,
                initial,
                weights(module, f"l{layer}{suffix}"),
                lengths,
                reverse=suffix == "_reverse",
                activation=activation,
            )
            outputs.append(out)
            finals.append(final)
        x = torch.cat(outputs, dim=2) if module.bidirectional else outputs[0]
    if not module.bidirectional and x.requires_grad:
        x = x.clone()  # may be changed in place, as torch's; the kernel keeps what it returned
    return x, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))


def weights(module: _DropIn, suffix: str) -> Weights:
    """The weights of one layer in one direction, looked up by torch's names."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    return Weights(*(getattr(module, f"{name}_{suffix}", None) for name in names))  # type: ignore


class RNN(_DropIn, torch.nn.RNN):
    """A drop-in replacement for :class:`torch.nn.RNN`."""

    cell = "rnn"


class GRU(_DropIn, torch.nn.GRU):
    """A drop-in replacement for :class:`torch.nn.GRU`."""

    cell = "gru"


class LSTM(_DropIn, torch.nn.LSTM):
    """A drop-in replacement for :class:`torch.nn.LSTM`."""

    cell = "lstm"
