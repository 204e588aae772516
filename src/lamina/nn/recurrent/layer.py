"""One layer of a stack: a cell run over time, in one direction or in both."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from lamina.cells import Activation, Cell, LayerNormGains, Weights, cell_named
from lamina.kernels import Choice, Request, choose, look_up, scan, valid_steps
from lamina.nn.recurrent.dropout import mask
from lamina.nn.recurrent.init import initialise
from lamina.nn.recurrent.norm import SequenceBatchNorm
from lamina.nn.recurrent.options import StackOptions
from lamina.spec import LayerState


class Direction(nn.Module):
    """The weights of layer ``index`` of a stack in one direction, and its scan."""

    def __init__(self, inputs: int, index: int, options: StackOptions, *, reverse: bool):
        super().__init__()
        self.cell = cell = cell_named(options.cell)
        self.hidden = hidden = options.widths[index]
        rows = len(cell.gates) * hidden
        self.options = options
        self.activation: Activation = options.activations[index]
        self.reverse = reverse
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs))
        recurrent = cell.recurrent_shape(hidden)
        self.weight_hh = None if recurrent is None else nn.Parameter(torch.empty(recurrent))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        dense = cell.recurrence == "dense"
        self.bias_hh = nn.Parameter(torch.empty(rows)) if dense else None
        self.batch_norm = SequenceBatchNorm(rows) if options.norm == "batch" else None
        self.gains = LayerNormModule(cell, hidden) if options.norm == "layer" else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh, from torch's global generator."""
        initialise(
            self.cell,
            self.weight_ih,
            self.weight_hh,
            self.bias_ih,
            self.bias_hh,
            init=self.options.init,
            forget_bias=self.options.forget_bias,
        )

    def weights(self) -> Weights:
        """What the kernel is given, but for batch normalisation, which is folded in later."""
        return Weights(
            self.weight_ih,
            self.weight_hh,
            self.bias_ih,
            self.bias_hh,
            norm=self.gains.tensors() if self.gains is not None else None,
        )

    def forward(
        self,
        x: Tensor | None,
        state: tuple[Tensor, ...],
        lengths: Tensor | None,
        generator: torch.Generator | None,
        backend: str,
        tokens: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """``x`` ``(T, B, I)``, state parts ``(B, H)`` -> outputs ``(T, B, H)`` and state.

        ``x`` and ``tokens`` as :meth:`lamina.nn.Stack.forward` takes them.
        """
        weights = self.weights()
        if self.batch_norm is not None:
            wx = self.project(x, lengths, tokens) if self.training else None
            w_ih, b_ih = self.batch_norm.fold(wx, self.weight_ih, self.bias_ih, lengths)
            weights = weights._replace(w_ih=w_ih, b_ih=b_ih)
        if x is None:  # W times a one-hot is a column of W: no one-hot is built
            assert weights.w_ih is not None
            x, weights = weights.w_ih.T, weights._replace(w_ih=None)
        return scan(
            self.cell,
            x,
            state,
            weights,
            lengths,
            tokens=tokens,
            reverse=self.reverse,
            activation=self.activation,
            recurrent_mask=self.recurrent_mask(state[0], generator),
            backend=backend,
        )

    def project(self, x: Tensor | None, lengths: Tensor | None, tokens: Tensor | None) -> Tensor:
        """``W x``, ``(T, B, G*H)``, for the statistics of batch normalisation. A token counts as
        often as it stands in the batch, so rows of a table are looked up first."""
        if x is None:
            assert tokens is not None
            return look_up(self.weight_ih.T, tokens, lengths)
        if tokens is not None:
            x = look_up(x, tokens, lengths)
        elif lengths is not None:  # 0 * nan would spoil the gradient of the weights
            x = x.masked_fill(~valid_steps(lengths, x.shape[0], x.device)[:, :, None], 0.0)
        return linear(x, self.weight_ih)

    def recurrent_mask(self, h: Tensor, generator: torch.Generator | None) -> Tensor | None:
        """A mask for ``h`` ``(B, H)`` in training with recurrent dropout, else ``None``."""
        p = self.options.recurrent_dropout
        if not (self.training and p):
            return None
        return mask(tuple(h.shape), p, h, generator)

    def choice(self, backend: str) -> Choice:
        """The kernel that runs this direction in the present mode."""
        weight = self.weight_ih
        x = weight.new_empty((0, 0, weight.shape[1]))
        # B=0, so that no random number is drawn.
        state = tuple(weight.new_empty((0, self.hidden)) for _ in self.cell.parts)
        mask = self.recurrent_mask(state[0], None)
        weights = self.weights()
        return choose(Request(self.cell, x, state, weights, recurrent_mask=mask), backend)


class LayerNormModule(nn.Module):
    """The gains of a layer-normalised cell: Ba, Kiros and Hinton (2016), *Layer Normalization*,
    equations 20-22 of their supplement for the LSTM, and the same form for the other cells:
    ``LN(W x)`` and ``LN(U h)`` each share one mean and variance over all gates (their GRU takes
    the candidate's apart), and the LSTM's memory is normalised on its way out. The shifts of the
    first two are ``b_ih`` and ``b_hh``. Where ``U`` is no matrix, ``W x`` alone is normalised.
    """

    def __init__(self, cell: Cell, hidden: int):
        super().__init__()
        rows = len(cell.gates) * hidden
        self.ih = nn.Parameter(torch.ones(rows))
        self.hh = nn.Parameter(torch.ones(rows)) if cell.recurrence == "dense" else None
        memory = cell.normalises_memory
        self.c = nn.Parameter(torch.ones(hidden)) if memory else None
        self.c_shift = nn.Parameter(torch.zeros(hidden)) if memory else None

    def tensors(self) -> LayerNormGains:
        """As the kernels take them."""
        return LayerNormGains(self.ih, self.hh, self.c, self.c_shift)


class Layer(nn.Module):
    """A cell over time: forwards, or forwards and backwards with the outputs side by side."""

    def __init__(self, inputs: int, index: int, options: StackOptions):
        super().__init__()
        ways = (False, True)[: options.directions]
        self.directions = nn.ModuleList(
            Direction(inputs, index, options, reverse=reverse) for reverse in ways
        )

    def forward(
        self,
        x: Tensor | None,
        state: LayerState,
        lengths: Tensor | None,
        generator: torch.Generator | None,
        backend: str,
        tokens: Tensor | None = None,
    ) -> tuple[Tensor, LayerState]:
        """``x`` ``(T, B, I)``, state parts ``(D, B, H)`` -> outputs ``(T, B, D*H)`` and state.

        ``x`` and ``tokens`` as :meth:`lamina.nn.Stack.forward` takes them.
        """
        outputs, states = [], []
        for d, direction in enumerate(self.directions):
            initial = tuple(part[d] for part in state)
            out, final = direction(x, initial, lengths, generator, backend, tokens)
            outputs.append(out)
            states.append(final)
        joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)
        return joined, tuple(torch.stack(parts) for parts in zip(*states, strict=True))
