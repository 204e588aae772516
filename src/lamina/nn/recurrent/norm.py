"""Batch normalisation of a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamina.kernels import check_lengths, valid_steps


class SequenceBatchNorm(nn.Module):
    """Batch normalisation of an input projection ``W x``, with one mean and variance for all
    steps.

    Laurent et al. (2016), *Batch Normalized Recurrent Neural Networks*, equation 9, and section
    3.2 there, "sequence-wise normalization": only the input-to-hidden product is normalised, and
    the statistics are taken over batch and time; here over valid steps alone. The shift is the
    cell's own bias. This is not the recurrent batch normalisation of Cooijmans et al. (2017),
    which normalises ``U h`` as well with statistics of its own for every step.

    In training, a member's output depends on its batch; in evaluation running statistics are used,
    and a batch equals its members alone.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, features: int, *, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def fold(
        self, wx: Tensor | None, weight: Tensor, bias: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Weight and bias that do ``normalise(W x) + b`` in one product, exactly.

        wx ``(T, B, features)`` is ``W x``, which only training looks at: ``None`` in evaluation.
        weight ``(features, I)``, bias ``(features,)``. So a fused recurrence can run it, and in
        evaluation it costs nothing.
        """
        scale, shift = self._scale_and_shift(wx, lengths)
        return weight * scale[:, None], bias + shift

    def forward(self, wx: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``(T, B, features)`` to the same shape; what padded steps hold is not read."""
        if lengths is not None:  # 0 * nan would spoil the gain's gradient
            wx = wx.masked_fill(~valid_steps(lengths, wx.shape[0], wx.device)[:, :, None], 0.0)
        scale, shift = self._scale_and_shift(wx, lengths)
        return wx * scale + shift

    def _scale_and_shift(self, wx: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        mean, var = self.running_mean, self.running_var
        if self.training:
            assert wx is not None
            valid, count = None, wx.shape[0] * wx.shape[1]
            if lengths is not None:
                lengths = check_lengths(lengths, *wx.shape[:2])
                valid = valid_steps(lengths, wx.shape[0], wx.device)[:, :, None]  # (T, B, 1)
                count = int(lengths.sum())
            if wx.shape[0] * wx.shape[1]:  # not the sum: a traced graph knows sizes only
                mean, var = self._observe(wx, valid, count)
        scale = torch.rsqrt(var + self.eps) * self.gain
        return scale, -mean * scale

    def _observe(self, wx: Tensor, valid: Tensor | None, count: int) -> tuple[Tensor, Tensor]:
        # Sums under a mask, not a selection: a selection's size would make the host wait for a GPU.
        if valid is not None:
            wx = wx.masked_fill(~valid, 0.0)
        mean = wx.sum(dim=(0, 1)) / count
        centred = wx - mean
        if valid is not None:
            centred = centred.masked_fill(~valid, 0.0)
        var = centred.square().sum(dim=(0, 1)) / count
        with torch.no_grad():
            unbiased = var * (count / max(count - 1, 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return mean, var
