"""The decoder of a sequence-to-sequence network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamina.nn.attention import Memory, attention
from lamina.nn.options import StackOptions
from lamina.nn.stack import Stack
from lamina.spec import State


class Decoder(nn.Module):
    """A one-way stack whose outputs ask an attention: Luong et al. (2015), section 3.1, without
    input feeding. No step waits for the attention of the one before, so where the input is known
    the stack runs over all steps at once.

    Args:
        inputs:  size ``I`` of the input at each step.
        memory:  size ``M`` of what is attended to.
        options: of the stack.
        kind:    name of the attention.
    """

    def __init__(self, inputs: int, memory: int, options: StackOptions, kind: str):
        super().__init__()
        self.stack = Stack(inputs, options)
        self.attention = attention(kind, self.stack.outputs, memory)
        self.outputs = self.stack.outputs + memory

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
            state:   of the stack.
            memory:  what :meth:`prepare` of ``attention`` gave, for ``B`` members; the batch may
                     hold ``K`` sequences of each side by side, ``B*K`` in all.
            lengths: ``(B*K,)``, as :meth:`lamina.nn.Stack.forward` takes them.
            tokens:  likewise.

        Returns:
            the stack's outputs next to the contexts, ``(T, B*K, outputs)``, and the state. What
            stands at padded steps means nothing.
        """
        outputs, final = self.stack(x, state, lengths, tokens=tokens)
        steps, batch, size = outputs.shape
        members = len(memory.values)
        # Sequences of one member ask as further steps do: nothing is copied for each of them.
        queries = outputs.view(steps, members, -1, size).transpose(1, 2).reshape(-1, members, size)
        contexts, _ = self.attention(queries, memory)
        contexts = contexts.reshape(steps, -1, members, contexts.shape[2])
        contexts = contexts.transpose(1, 2).reshape(steps, batch, -1)
        return torch.cat((outputs, contexts), dim=2), final
