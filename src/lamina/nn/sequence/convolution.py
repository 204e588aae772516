"""Features of neighbouring steps, in front of a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from lamina.kernels import (
    check_lengths,
    check_rows,
    check_tensor,
    check_tokens,
    look_up,
    valid_steps,
)
from lamina.nn.recurrent.options import Units
from lamina.options import refuse


class Convolution(nn.Module):
    """``c_t = relu(sum_k W_k x_(stride t + k - left) + b)``: windows of ``kernel`` steps, of which
    ``left = (kernel - 1) // 2`` lie before the step.

    The convolution of the C-LSTM (Zhou et al. 2015, *A C-LSTM Neural Network for Text
    Classification*, section 3.1.1, equation 2), which gives a sequence of window features for a
    recurrence to read. Unlike theirs, a window may reach over either end of a sequence, where it
    finds zeros, so that a sequence shorter than the window has an output too. What stands behind
    a sequence's end is not read.

    Args:
        inputs:   features ``I`` of a step.
        channels: features ``C`` of an output step.
        kernel:   steps in a window.
        stride:   steps from one window to the next: a sequence of ``T`` gives ``ceil(T / stride)``.

    Raises:
        LaminaError: a size below 1, or beyond all reason.
    """

    def __init__(self, inputs: int, channels: int, kernel: int = 3, stride: int = 1):
        super().__init__()
        check_convolution(channels, kernel, stride)
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(torch.empty(channels, kernel, inputs))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, tokens: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """``x`` ``(T, B, I)``, or a table ``(V, I)`` and ``tokens`` ``(T, B)``, and ``lengths``
        ``(B,)`` on the CPU -> ``(ceil(T / stride), B, C)`` and the lengths there."""
        check_tensor("x", x, "a tensor (T, B, I)" if tokens is None else "a table (V, I)")
        if tokens is not None:
            tokens = check_tokens(tokens, x.device)
        if lengths is not None:
            lengths = check_lengths(lengths, *(x if tokens is None else tokens).shape[:2])
        if tokens is not None:
            check_rows(tokens, len(x), lengths)
            x = look_up(x, tokens, lengths)
        if lengths is not None:
            x = x.masked_fill(~valid_steps(lengths, x.shape[0], x.device)[:, :, None], 0.0)
            lengths = (lengths + self.stride - 1) // self.stride
        left = (self.kernel - 1) // 2
        padded = pad(x, (0, 0, 0, 0, left, self.kernel - 1 - left))  # (T + kernel - 1, B, I)
        # One product over windows laid side by side: on a CPU faster than torch's convolution,
        # which wants time last.
        steps = len(x)
        shifted = [padded[k : k + steps : self.stride] for k in range(self.kernel)]
        windows = torch.cat(shifted, dim=2)  # (ceil(T / stride), B, kernel * I)
        return torch.relu(linear(windows, self.weight.flatten(1), self.bias)), lengths


def check_convolution(channels: int, kernel: int, stride: int) -> None:
    """Refuse what is no size."""
    for name, value in (("convolution", channels), ("kernel", kernel), ("stride", stride)):
        refuse(name, value, Units)
