"""Windows that slide over long series: views, copied only batch by batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from lamina.data.batch.batches import Batches
from lamina.spec import Batch, LaminaError


class WindowBatches(Batches):
    """Batches of windows ``look_back + horizon`` rows long, cut from columns that lie end to end.

    rows:     ``(N, I)`` float32: the rows of all series, one series after the other; the first
              ``columns`` of ``I`` are forecast, the others are known in advance.
    observed: ``(N, C)`` bool, or ``None`` where every value was observed.
    starts:   ``(W,)`` int64: the row at which the horizon of each window begins.
    series:   ``(W,)`` int64: to which series a window belongs.
    rng:      draws the order; ``None``: as they come.

    A batch has ``inputs`` ``(look_back, B, I)``, ``targets`` ``(horizon, B, C)``, ``index`` (the
    windows' positions in ``starts``), and in ``more`` ``future`` ``(horizon, B, I - C)``,
    ``series`` ``(B,)`` and, where there is any to tell, ``observed`` ``(horizon, B, C)``.
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
    ):
        for name, size in (
            ("look_back", look_back),
            ("horizon", horizon),
            ("batch_size", batch_size),
        ):
            if size < 1:
                raise LaminaError(f"got {name} {size}; need at least 1.")
        self.starts, self.series = starts, series
        self._columns, self._look_back, self._batch_size = columns, look_back, batch_size
        length = look_back + horizon
        fits = len(rows) >= length
        # (N - length + 1, I, length), without a copy
        self._windows = rows.unfold(0, length, 1) if fits else None
        self._observed = observed.unfold(0, length, 1) if fits and observed is not None else None
        self._order = np.arange(len(starts)) if rng is None else rng.permutation(len(starts))

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def _batch(self, k: int) -> Batch:
        index = torch.from_numpy(self._order[k * self._batch_size : (k + 1) * self._batch_size])
        first = torch.from_numpy(self.starts)[index] - self._look_back
        assert self._windows is not None
        window = self._windows[first].permute(2, 0, 1)  # (look_back + horizon, B, I)
        past, future = window[: self._look_back], window[self._look_back :]
        more: Mapping[str, Tensor] = {
            "future": future[:, :, self._columns :],
            "series": torch.from_numpy(self.series)[index],
        }
        if self._observed is not None:
            more["observed"] = self._observed[first].permute(2, 0, 1)[self._look_back :]
        return Batch(
            inputs=past.contiguous(),
            targets=future[:, :, : self._columns].contiguous(),
            index=index,
            more=more,
        )
