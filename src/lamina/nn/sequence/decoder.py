"""The decoder of a sequence-to-sequence network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamina.nn.recurrent.dropout import drop
from lamina.nn.recurrent.options import StackOptions
from lamina.nn.recurrent.stack import Stack
from lamina.nn.sequence.attention import Memory, attention
from lamina.spec import State


class Decoder(nn.Module):
    """A one-way stack whose first layer asks an attention, and whose layers above read its outputs
    beside the contexts: after Wu et al. (2016), *Google's Neural Machine Translation System*,
    section 3, where the lowest layer asks too.

    So the upper layers know what was looked at before. No input feeding leads from a step to the
    first layer of the next: where the input is known, each layer runs over all steps at once. With
    one layer this is the decoder of Luong et al. (2015), section 3.1, without input feeding.

    Args:
        inputs:  size ``I`` of the input at each step.
        memory:  size ``M`` of what is attended to.
        options: of the layers. With ``residual``, what the layers above read is added to what they
                 give through a learned map, besides the connections among themselves.
        kind:    name of the attention.
    """

    def __init__(self, inputs: int, memory: int, options: StackOptions, kind: str):
        super().__init__()
        self.options = options
        self.first = Stack(inputs, options.part(slice(1)))
        self.attention = attention(kind, self.first.outputs, memory)
        self.above = self.skip = None
        if options.depth > 1:
            self.above = Stack(self.first.outputs + memory, options.part(slice(1, None)))
            if options.residual:
                self.skip = nn.Linear(self.above.inputs, self.above.outputs, bias=False)
        self.outputs = (self.above or self.first).outputs + memory

    def forward(
        self,
        x: Tensor,
        state: State,
        memory: Memory,
        lengths: Tensor | None = None,
        *,
        tokens: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Run over time.

        Args:
            x:       as :meth:`lamina.nn.Stack.forward` takes it.
            state:   of all layers.
            memory:  what :meth:`prepare` of ``attention`` gave, for ``B`` members; the batch may
                     hold ``K`` sequences of each side by side, ``B*K`` in all.
            lengths: ``(B*K,)``, as :meth:`lamina.nn.Stack.forward` takes them.
            tokens:  likewise.

        Returns:
            the top layer's outputs next to the contexts, ``(T, B*K, outputs)``, and the state. What
            stands at padded steps means nothing.
        """
        outputs, final = self.first(x, state[:1], lengths, tokens=tokens)
        contexts = self._contexts(outputs, memory)
        if self.above is not None:
            options = self.options
            entering = torch.cat((outputs, contexts), dim=2)
            entering = drop(entering, options.dropout, options.dropout_kind, training=self.training)
            outputs, upper = self.above(entering, state[1:], lengths)
            if self.skip is not None:
                outputs = outputs + self.skip(entering)
            final += upper
        return torch.cat((outputs, contexts), dim=2), final

    def _contexts(self, outputs: Tensor, memory: Memory) -> Tensor:
        """What the attention finds for each of ``outputs`` ``(T, B*K, H)``: ``(T, B*K, M)``."""
        steps, batch, size = outputs.shape
        members = len(memory.values)
        # Sequences of one member ask as further steps do: nothing is copied for each of them.
        queries = outputs.view(steps, members, -1, size).transpose(1, 2).reshape(-1, members, size)
        contexts, _ = self.attention(queries, memory)
        contexts = contexts.reshape(steps, -1, members, contexts.shape[2])
        return contexts.transpose(1, 2).reshape(steps, batch, -1)
