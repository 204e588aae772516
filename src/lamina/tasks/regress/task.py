"""Regression: one number for a text or for a numeric sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from torch.nn.functional import huber_loss, l1_loss, mse_loss

from lamina.data.prepare.standardize import Standardizer
from lamina.spec import Batch, LaminaError, Metric, Part, State, Step
from lamina.tasks.describe import Facts
from lamina.tasks.many_to_one.data import fit_inputs
from lamina.tasks.many_to_one.inputs import Examples
from lamina.tasks.many_to_one.processor import ExampleProcessor
from lamina.tasks.many_to_one.task import ManyToOneTask
from lamina.tasks.regress.data import RegressData, numbers, read
from lamina.tasks.regress.network import NAME, Regressor
from lamina.tasks.regress.processor import RegressProcessor
from lamina.tasks.scores.sums import regression_errors

RMSE = Metric(
    "rmse", higher_is_better=False, gain="relative", blind="always the mean of the training part"
)
_LOSSES = {"mse": mse_loss, "mae": l1_loss, "huber": huber_loss}


class Regress(ManyToOneTask[Regressor]):
    """Learn to predict a number from a text or from a numeric sequence.

    >>> task = Regress("machines.csv", id="run", target="rul")   # doctest: +SKIP
    >>> model = task.model(cell="gru", depth=2, width=128)       # doctest: +SKIP

    The network learns the target standardised by the training part; the metric is the root mean
    squared error in the unit of the target. Fields: :class:`RegressData`.
    """

    name = NAME
    metric = RMSE
    Data = RegressData
    Network = Regressor

    data: RegressData
    processor: RegressProcessor

    def learn(self) -> None:
        """See :class:`lamina.tasks.base.DataTask`."""
        inputs, parts, self.fingerprints = read(self.data)
        train = parts["train"]
        targets = numbers(train)
        if targets.min() == targets.max():
            raise LaminaError(
                f"the target is {targets[0]:g} in all {len(targets):,} training examples; need at "
                "least two different numbers",
                place=self.data.source,
            )
        scale = Standardizer.fit([targets[:, None]])
        self.place(RegressProcessor(inputs, fit_inputs(self.data, inputs, train), scale), parts)

    def place(self, processor: ExampleProcessor, parts: Mapping[str, Examples]) -> None:
        """See :class:`lamina.tasks.many_to_one.task.ManyToOneTask`; also the mean of each part."""
        super().place(processor, parts)
        self.means = {
            part: float(targets.mean(dtype=np.float64)) if len(targets) else math.nan
            for part, targets in self.targets.items()
        }

    def describe(self) -> dict[str, Facts]:
        """See :class:`lamina.tasks.base.DataTask`."""
        targets = numbers(self.parts["train"])
        spread = f"{targets.min():.6g} to {targets.max():.6g}, mean {targets.mean():.6g}"
        return {**super().describe(), "target": f"{self.data.target}: {spread}"}

    def encoded(self, examples: Examples) -> np.ndarray:
        """Standardised targets, ``(N,)`` float32."""
        return self.processor.scale(numbers(examples)[:, None])[:, 0]

    def step(self, model: Regressor, batch: Batch, state: State | None) -> Step:
        """The loss of a batch, and what :func:`lamina.tasks.scores.sums.regression_errors` needs.
        The loss that is summed up is the squared error, so that it means the same everywhere."""
        found = model(batch.inputs, batch.lengths)[:, 0]  # (B,)
        loss = _LOSSES[self.data.loss](found, batch.targets)
        count = len(batch.targets)
        gap = found.detach() - batch.targets
        sums = {
            "loss": gap.square().sum(),
            "absolute": gap.abs().sum(),
            "spread": (batch.targets - self.means[batch.part]).square().sum(),
        }
        return Step(loss, sums, count)

    def summary(self, sums: Mapping[str, float], count: int) -> dict[str, float]:
        """``loss``: squared error, standardised; ``rmse``, ``mae`` in the target's unit; ``r2``."""
        scale = float(self.processor.scale.scale[0])
        return {**super().summary(sums, count), **regression_errors(sums, count, scale)}

    def _without_network(self, part: Part) -> dict[str, float]:
        """The scores of always answering the mean of the training part."""
        gap = self.targets[part].astype(np.float64)  # on this scale, that mean is 0
        sums = {
            "loss": float(np.square(gap).sum()),
            "absolute": float(np.abs(gap).sum()),
            "spread": float(np.square(gap - gap.mean()).sum()),
        }
        return regression_errors(sums, len(gap), float(self.processor.scale.scale[0]))

    def baseline(self) -> float:
        """RMSE on the validation part of the training part's mean."""
        if not len(self.targets["validation"]):
            return float("nan")
        return self._without_network("validation")[RMSE.name]

    def report(self, part: Part, scores: Mapping[str, float]) -> list[str]:
        """The scores beside those of the training part's mean, as lines of a table."""
        rows = {"network": scores, "mean of training": self._without_network(part)}
        heads = ("rmse", "mae", "r2")
        lines = [" " * 16 + "".join(f"{head:>14}" for head in heads)]
        for name, row in rows.items():
            lines.append(f"{name:<16}" + "".join(f"{row[head]:>14.6g}" for head in heads))
        return lines
