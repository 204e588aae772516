"""The contract of a cell that is linear in its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.cells.base import Cell
from lamina.cells.weights import Weights
from lamina.spec import LaminaError

if TYPE_CHECKING:
    from torch import Tensor


class LinearCell(Cell):
    """A cell whose step is ``h_t = a ∘ h_{t-1} + b``; ``a`` and ``b`` depend on ``x_t`` alone.

    Subclass it and write :meth:`linear` in place of ``step``. All steps then run in parallel
    (:mod:`lamina.kernels.parallel`).
    """

    recurrence = "none"

    def linear(self, wx: Tensor) -> tuple[Tensor, Tensor]:
        """``a`` in [0, 1] and ``b``, each ``(..., H)``, from ``wx`` ``(..., G*H)``."""
        raise NotImplementedError

    def step(
        self,
        wx: Tensor,
        state: tuple[Tensor, ...],
        weights: Weights,
        mask: Tensor | None,
        f: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, ...]:
        """See :meth:`Cell.step`."""
        (h,) = state
        a, b = self.linear(wx)
        return (a * h + b,)

    @property
    def scans(self) -> bool:
        """Whether :meth:`linear` says it all: no subclass has a step or a state of its own."""
        plain = self.recurrence == "none" and self.parts == ("h",)
        return plain and type(self).step is LinearCell.step

    def check(self) -> None:
        """See :meth:`Cell.check`."""
        super().check()
        if type(self).linear is LinearCell.linear or not self.scans:
            raise LaminaError(
                f"cell {type(self).__name__} is a LinearCell; need linear(wx) in place of step, "
                "parts ('h',) and recurrence 'none'. Derive it from Cell otherwise."
            )
