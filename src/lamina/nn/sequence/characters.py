"""A vector for a word from its characters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from lamina.kernels import valid_steps
from lamina.nn.recurrent.options import StackOptions
from lamina.nn.recurrent.stack import Stack

#: Characters on each side of the one that a convolution stands on.
REACH = 1


class RecurrentCharacters(nn.Module):
    """The last states of a bidirectional layer over the characters: Lample et al. (2016),
    *Neural Architectures for Named Entity Recognition*, section 4.1.

    Args:
        characters: how many there are.
        embedding:  size of a character's vector.
        width:      hidden units of each direction.
        cell:       of the layer.
    """

    def __init__(self, characters: int, embedding: int, width: int, cell: str):
        super().__init__()
        self.table = nn.Parameter(torch.empty(characters, embedding).normal_(std=0.1))
        self.stack = Stack(
            embedding, StackOptions(cell=cell, depth=1, width=width, bidirectional=True)
        )
        self.outputs = self.stack.outputs

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Characters ``(C, W)`` of ``W`` words, each with its length ``(W,)`` on the CPU ->
        ``(W, outputs)``. What stands behind a word's end is not read."""
        _, state = self.stack(self.table, lengths=lengths, tokens=characters)
        h = state[0][0]  # (2, W, H)
        return torch.cat((h[0], h[1]), dim=1)


class ConvolvedCharacters(nn.Module):
    """The largest value of each filter over windows of three characters: Ma and Hovy (2016),
    *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*, section 2.1.

    Args:
        characters: how many there are.
        embedding:  size of a character's vector.
        width:      number of filters.
        cell:       not used: filters have none.
    """

    def __init__(self, characters: int, embedding: int, width: int, cell: str):
        super().__init__()
        self.table = nn.Parameter(torch.empty(characters, embedding).normal_(std=0.1))
        self.filters = nn.Linear(embedding * (2 * REACH + 1), width)
        self.outputs = width

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """As :meth:`RecurrentCharacters.forward`; zeros stand before and behind a word."""
        valid = valid_steps(lengths, len(characters), characters.device)
        x = self.table[characters.masked_fill(~valid, 0)]  # (C, W, E)
        x = x.masked_fill(~valid[:, :, None], 0.0).permute(1, 2, 0)
        weight = self.filters.weight.unflatten(1, (-1, 2 * REACH + 1))
        y = conv1d(x, weight, self.filters.bias, padding=REACH)  # (W, width, C)
        return y.masked_fill(~valid.T[:, None, :], -torch.inf).amax(dim=2)


#: Values of the option ``characters``.
CHARACTERS = {"recurrent": RecurrentCharacters, "convolution": ConvolvedCharacters}
