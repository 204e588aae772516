"""Windows that slide over long series: views, copied only batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from lamina.data.batch.batches import CollatedBatches
from lamina.data.batch.order import cut, need_positive
from lamina.spec import Batch, Part
from lamina.spec.batch import layout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class WindowBatch(Batch):
    """Windows of ``look_back + horizon`` rows.

    Attributes:
        inputs:   ``(look_back, B, I)``: the ``C`` values and what is known in advance.
        targets:  ``(horizon, B, C)``: the values to come.
        future:   ``(horizon, B, I - C)``: what is known in advance.
        series:   ``(B,)`` int64: to which series each window belongs.
        observed: ``(horizon, B, C)`` bool: which targets were observed; ``None``: all of them.
    """

    targets: Tensor = field(metadata=layout())
    future: Tensor = field(metadata=layout())
    series: Tensor = field(metadata=layout(0))
    observed: Tensor | None = field(default=None, metadata=layout())


class WindowBatches(CollatedBatches[WindowBatch]):
    """Batches of windows cut from columns that lie end to end.

    Args:
        rows:     ``(N, I)`` float32: the rows of all series, one series after the other; the first
            ``columns`` of ``I`` are forecast, the others are known in advance.
        observed: ``(N, C)`` bool, or ``None`` where every value was observed.
        starts:   ``(W,)`` int64: the row at which the horizon of each window begins.
        series:   ``(W,)`` int64: to which series a window belongs.
        rng:      draws the order; ``None``: as they come.
        part:     the part of the data that they are.
    """

    def __init__(
        self,
        rows: Tensor,
        observed: Tensor | None,
        starts: np.ndarray,
        series: np.ndarray,
        *,
        columns: int,
        look_back: int,
        horizon: int,
        batch_size: int,
        rng: np.random.Generator | None = None,
        part: Part = "train",
    ):
        need_positive(look_back=look_back, horizon=horizon, batch_size=batch_size)
        length = look_back + horizon
        # (N - length + 1, I, length), without a copy
        windows = self._windows = rows.unfold(0, length, 1) if len(rows) >= length else None
        seen = None if windows is None or observed is None else observed.unfold(0, length, 1)

        def collate(members: np.ndarray) -> WindowBatch:
            index = torch.from_numpy(members)
            first = torch.from_numpy(starts)[index] - look_back
            assert windows is not None
            window = windows[first].permute(2, 0, 1)  # (look_back + horizon, B, I)
            past, future = window[:look_back], window[look_back:]
            return WindowBatch(
                inputs=past.contiguous(),
                targets=future[:, :, :columns].contiguous(),
                future=future[:, :, columns:],
                series=torch.from_numpy(series)[index],
                observed=None if seen is None else seen[first].permute(2, 0, 1)[look_back:],
                index=index,
                part=part,
            )

        order = np.arange(len(starts)) if rng is None else rng.permutation(len(starts))
        super().__init__(cut(order, batch_size), collate)
