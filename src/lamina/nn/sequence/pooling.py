"""From the outputs at every step to one vector a sequence; only valid steps are read."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamina.kernels import check_lengths, valid_steps
from lamina.spec import LaminaError


class Last(nn.Module):
    """The last valid output forwards, beside the first one backwards: the final state ``h``."""

    def __init__(self, size: int, directions: int):
        super().__init__()
        self.forward_size = size // directions

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """``(T, B, size)`` -> ``(B, size)``."""
        batch = outputs.shape[1]
        if lengths is None:
            last = outputs[-1]
        else:
            t = check_lengths(lengths, *outputs.shape[:2]).to(outputs.device, non_blocking=True) - 1
            last = outputs[t, torch.arange(batch, device=outputs.device)]
        f = self.forward_size
        return torch.cat((last[:, :f], outputs[0, :, f:]), dim=1)


class Mean(nn.Module):
    """The mean over valid steps."""

    def __init__(self, size: int, directions: int):
        super().__init__()

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """``(T, B, size)`` -> ``(B, size)``."""
        if lengths is None:
            return outputs.mean(dim=0)
        valid = _valid(outputs, lengths)
        return outputs.masked_fill(~valid, 0.0).sum(dim=0) / valid.sum(dim=0)


class Max(nn.Module):
    """The largest value of each unit over valid steps."""

    def __init__(self, size: int, directions: int):
        super().__init__()

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """``(T, B, size)`` -> ``(B, size)``."""
        if lengths is not None:
            outputs = outputs.masked_fill(~_valid(outputs, lengths), -torch.inf)
        return outputs.amax(dim=0)


class Attention(nn.Module):
    """A learned weighting of valid steps: Yang et al. (2016), *Hierarchical Attention Networks*,
    equations 5-7: ``u_t = tanh(W h_t + b)``, ``a = softmax(u_t · u)``, ``s = Σ a_t h_t``.
    """

    def __init__(self, size: int, directions: int):
        super().__init__()
        self.key = nn.Linear(size, size)
        self.query = nn.Linear(size, 1, bias=False)

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """``(T, B, size)`` -> ``(B, size)``."""
        valid = None if lengths is None else _valid(outputs, lengths)
        if valid is not None:
            outputs = outputs.masked_fill(~valid, 0.0)  # 0 * nan would be nan
        score = self.query(torch.tanh(self.key(outputs)))  # (T, B, 1)
        if valid is not None:
            score = score.masked_fill(~valid, -torch.inf)
        return (torch.softmax(score, dim=0) * outputs).sum(dim=0)


def _valid(outputs: Tensor, lengths: Tensor) -> Tensor:
    lengths = check_lengths(lengths, *outputs.shape[:2])
    return valid_steps(lengths, outputs.shape[0], outputs.device)[:, :, None]  # (T, B, 1)


#: Name -> ``pool(size, directions)``.
POOLS = {"last": Last, "mean": Mean, "max": Max, "attention": Attention}


def pool(name: str, size: int, directions: int) -> nn.Module:
    """The pooling of that name for outputs of ``size`` (both directions together).

    Raises:
        LaminaError: there is no such pooling.
    """
    if name not in POOLS:
        raise LaminaError(f"got pooling {name!r}; need one of {', '.join(POOLS)}")
    return POOLS[name](size, directions)
