"""The network that predicts a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.tasks.many_to_one.network import ManyToOne
from lamina.tasks.regress.processor import RegressProcessor

NAME = "regress"


class Regressor(ManyToOne):
    """:class:`lamina.tasks.many_to_one.network.ManyToOne` with one score: the standardised
    target."""

    task = NAME
    Processor = RegressProcessor

    processor: RegressProcessor

    def predict(self, examples: Sequence[Any]) -> list[float]:
        """The number of each text, or of each array ``(T, I)``, in the unit of the target."""
        return self.processor.values(self.scores(examples)).tolist()
