"""Ways to forecast many steps with a recurrent network, by name.

Each maps a window to its forecast. The axes are those of the library, and ``C`` series, ``K``
covariates, ``Q`` numbers a value (1, or one a quantile); the past has ``P`` steps, the horizon
``F``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lamina.nn import Stack, StackOptions
from lamina.nn.recurrent.dropout import drop
from lamina.spec import LaminaError


@dataclass(frozen=True)
class Shape:
    """Sizes of a forecast: ``groups`` tables of ``series`` columns each share one network."""

    look_back: int
    horizon: int
    series: int
    covariates: int
    groups: int
    outputs: int
    middle: int


class Direct(nn.Module):
    """All steps of the horizon from the state after the past, by one linear map, which also sees
    the covariates of the horizon. All series are read together."""

    def __init__(self, shape: Shape, options: StackOptions, segment: int):
        super().__init__()
        self.shape, self.dropout = shape, options.dropout
        self.stack = Stack(shape.series + shape.covariates, options)
        known = shape.horizon * shape.covariates
        forecast = shape.horizon * shape.series * shape.outputs
        self.head = nn.Linear(self.stack.outputs + known, forecast)

    def forward(
        self, past: Tensor, covariates: Tensor, group: Tensor, future: Tensor | None
    ) -> Tensor:
        """``past`` ``(P, B, C)``, ``covariates`` ``(P + F, B, K)`` -> ``(F, B, C, Q)``."""
        shape, batch = self.shape, past.shape[1]
        _, state = self.stack(torch.cat((past, covariates[: shape.look_back]), dim=2))
        top = state[-1][0].transpose(0, 1).flatten(1)  # (B, D*H)
        top = drop(top, self.dropout, "plain", training=self.training)
        known = covariates[shape.look_back :].transpose(0, 1).flatten(1)  # (B, F*K)
        made = self.head(torch.cat((top, known), dim=1))
        return made.view(batch, shape.horizon, shape.series, shape.outputs).transpose(0, 1)


class Recursive(nn.Module):
    """The next step from all before it; a forecast is read as if it were the value.

    In training the values of the horizon are read themselves (teacher forcing; Williams and Zipser
    1989), so the loss is that of one step. With quantiles the median is fed back: what is fed
    back carries no doubt, so the quantiles of later steps lie too close together.
    """

    def __init__(self, shape: Shape, options: StackOptions, segment: int):
        super().__init__()
        if options.bidirectional:
            raise LaminaError("scheme recursive reads forwards only; leave bidirectional out")
        self.shape, self.dropout = shape, options.dropout
        self.stack = Stack(shape.series + shape.covariates, options)
        self.head = nn.Linear(self.stack.outputs, shape.series * shape.outputs)

    def forward(
        self, past: Tensor, covariates: Tensor, group: Tensor, future: Tensor | None
    ) -> Tensor:
        """``past`` ``(P, B, C)``, ``covariates`` ``(P + F, B, K)``, in training ``future``
        ``(F, B, C)`` -> ``(F, B, C, Q)``."""
        coming = covariates[1:]  # known of the step that is to be forecast
        last = self.shape.look_back - 1
        if future is not None:
            values = torch.cat((past, future[:-1]))
            outputs, _ = self.stack(torch.cat((values, coming), dim=2))
            return self._read(outputs[last:])
        outputs, state = self.stack(torch.cat((past, coming[: last + 1]), dim=2))
        made = [self._read(outputs[-1:])]
        for step in range(last + 1, last + self.shape.horizon):
            value = made[-1].sort(dim=-1).values[..., self.shape.middle]  # (1, B, C)
            outputs, state = self.stack(torch.cat((value, coming[step : step + 1]), dim=2), state)
            made.append(self._read(outputs))
        return torch.cat(made)

    def _read(self, outputs: Tensor) -> Tensor:
        outputs = drop(outputs, self.dropout, "plain", training=self.training)
        return self.head(outputs).unflatten(2, (self.shape.series, self.shape.outputs))


def fitting_segment(look_back: int) -> int:
    """24 steps, or where they do not divide the look-back, the most below that leave four segments
    of equal length or more."""
    if look_back % 24 == 0:
        return 24
    most = min(24, look_back // 4)
    return next((steps for steps in range(most, 0, -1) if look_back % steps == 0), 1)


class Segments(nn.Module):
    """SegRNN: Lin et al. 2023, *Segment Recurrent Neural Network for Long-Term Time Series
    Forecasting*, section 3 (arXiv 2308.11200).

    The recurrence runs over segments of ``segment`` steps instead of steps, each series on its own
    with the same weights (channel independence). Every segment of the horizon is then decoded by
    one more step of the same stack from the state after the past, all at once (parallel multi-step
    forecasting); what enters that step says which segment and which series it is (positional and
    channel embedding).
    """

    def __init__(self, shape: Shape, options: StackOptions, segment: int):
        super().__init__()
        if options.bidirectional:
            raise LaminaError("scheme segments reads forwards only; leave bidirectional out")
        if shape.look_back % segment:
            raise LaminaError(
                f"segment is {segment} and look_back is {shape.look_back}; need a segment that "
                "divides look_back"
            )
        self.shape, self.segment, self.dropout = shape, segment, options.dropout
        self.steps = -(-shape.horizon // segment)  # the last segment may stand out
        size = options.widths[0]
        self.project = nn.Linear(segment * (1 + shape.covariates), size)
        self.position = nn.Embedding(self.steps, size - size // 2)
        self.channel = nn.Embedding(shape.groups * shape.series, size // 2)
        self.known = (
            nn.Linear(segment * shape.covariates, size, bias=False) if shape.covariates else None
        )
        self.stack = Stack(size, options)
        self.head = nn.Linear(self.stack.outputs, segment * shape.outputs)

    def forward(
        self, past: Tensor, covariates: Tensor, group: Tensor, future: Tensor | None
    ) -> Tensor:
        """``past`` ``(P, B, C)``, ``covariates`` ``(P + F, B, K)``, ``group`` ``(B,)`` ->
        ``(F, B, C, Q)``."""
        shape, w, m = self.shape, self.segment, self.steps
        batch, rows = past.shape[1], past.shape[1] * shape.series
        read = self._cut(past[..., None])  # (P/w, B, C, w)
        if shape.covariates:
            known = self._cut(covariates[: shape.look_back, :, None])  # (P/w, B, 1, w*K)
            read = torch.cat((read, known.expand(-1, -1, shape.series, -1)), dim=3)
        read = torch.relu(self.project(read.reshape(-1, rows, read.shape[3])))  # (P/w, B*C, E)
        _, state = self.stack(read)

        channel = group[:, None] * shape.series + torch.arange(shape.series, device=group.device)
        ask = torch.cat(
            (
                self.position.weight[:, None].expand(-1, rows, -1),
                self.channel(channel.flatten())[None].expand(m, -1, -1),
            ),
            dim=2,
        )  # (m, B*C, E)
        if self.known is not None:
            ahead = covariates[shape.look_back :]
            spare = m * w - shape.horizon
            ahead = torch.cat((ahead, ahead.new_zeros((spare, *ahead.shape[1:]))))
            known = self.known(self._cut(ahead[:, :, None]))  # (m, B, 1, E)
            ask = ask + known.expand(-1, -1, shape.series, -1).reshape(m, rows, -1)
        # Every segment starts from the same state and takes one step.
        again = tuple(tuple(part.repeat(1, m, 1) for part in layer) for layer in state)
        outputs, _ = self.stack(ask.reshape(1, m * rows, -1), again)
        outputs = drop(outputs[0], self.dropout, "plain", training=self.training)
        made = self.head(outputs).view(m, batch, shape.series, w, shape.outputs)
        made = made.permute(0, 3, 1, 2, 4)  # (m, w, B, C, Q)
        return made.reshape(m * w, batch, shape.series, shape.outputs)[: shape.horizon]

    def _cut(self, x: Tensor) -> Tensor:
        """``(n * w, B, C, K)`` -> ``(n, B, C, w * K)``."""
        return x.unflatten(0, (-1, self.segment)).permute(0, 2, 3, 1, 4).flatten(3)


ForecastScheme = Literal["direct", "recursive", "segments"]
SCHEMES: dict[ForecastScheme, type[nn.Module]] = {
    "direct": Direct,
    "recursive": Recursive,
    "segments": Segments,
}
