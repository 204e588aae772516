"""The encoder of a sequence-to-sequence network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamina.cells import cell_named
from lamina.nn.recurrent.dropout import drop
from lamina.nn.recurrent.options import StackOptions
from lamina.nn.recurrent.stack import Stack
from lamina.spec import LayerState, State


class Encoder(nn.Module):
    """A bidirectional first layer and one-way layers above: Wu et al. (2016), *Google's Neural
    Machine Translation System*, section 3.2. With ``residual``, what the layers above read is
    added to what they give through a learned map, besides the connections among themselves.
    Without it, the outputs of a one-way layer are all but sums of the text up to there, and an
    attention does not learn to tell its words apart.

    Args:
        inputs:  size ``I`` of the input at each step.
        options: of all layers; the first one's width is that of each of its directions.
    """

    def __init__(self, inputs: int, options: StackOptions):
        super().__init__()
        self.options = options
        self.first = Stack(inputs, options.part(slice(1), bidirectional=True))
        self.above = self.skip = None
        if options.depth > 1:
            self.above = Stack(self.first.outputs, options.part(slice(1, None)))
            if options.residual:
                self.skip = nn.Linear(self.first.outputs, self.above.outputs, bias=False)
        width = options.widths[0]
        # Each part of the first layer's state has a map of its own.
        self.cell = cell_named(options.cell)
        parts = self.cell.summary_parts or self.cell.parts
        self.bridges = nn.ModuleList(nn.Linear(2 * width, width) for _ in parts)

    @property
    def outputs(self) -> int:
        """Size of the output at each step."""
        return (self.above or self.first).outputs

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, *, tokens: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """``x`` and ``tokens`` as :meth:`lamina.nn.Stack.forward` takes them -> the top layer's
        outputs ``(S, B, outputs)``, zero at padded steps, and the state from which a one-way stack
        of the same layers begins: of the first layer's two directions together a learned map,
        ``h = tanh(W [h→; h←] + b)`` (after Bahdanau et al. 2015, appendix A.2.2), of the others
        as it is.
        """
        outputs, state = self.first(x, lengths=lengths, tokens=tokens)
        begin: State = (self._bridged(state[0]),)
        if self.above is not None:
            options = self.options
            entering = drop(outputs, options.dropout, options.dropout_kind, training=self.training)
            outputs, state = self.above(entering, lengths=lengths)
            if self.skip is not None:
                outputs = outputs + self.skip(entering)
            begin += state
        return outputs, begin

    def _bridged(self, state: LayerState) -> LayerState:
        summary = self.cell.summary(state)
        joined = [torch.cat((part[0], part[1]), dim=1) for part in summary]  # (B, 2 H)
        h, *c = (bridge(part) for bridge, part in zip(self.bridges, joined, strict=True))
        begin = self.cell.resume((torch.tanh(h), *c))  # c has no bounds
        return tuple(part[None] for part in begin)
