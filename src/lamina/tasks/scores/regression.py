"""Scores of a regression from sums over examples."""

from __future__ import annotations

import math
from collections.abc import Mapping


def score(sums: Mapping[str, float], count: int, scale: float) -> dict[str, float]:
    """``rmse`` and ``mae`` in the unit of the target, and ``r2``, as scikit-learn defines them.

    ``r2`` is not-a-number for fewer than two examples; if all targets are equal, it is 1 for exact
    predictions and 0 otherwise.

    Args:
        sums:  of standardised targets: ``loss`` (squared errors), ``absolute`` errors, and
               ``spread`` (squared distances from the mean of the part).
        count: the number of examples.
        scale: one standard deviation in the unit of the target.
    """
    squared, spread = sums["loss"], sums["spread"]
    if count < 2:
        r2 = math.nan
    elif spread > 0:
        r2 = 1 - squared / spread
    else:
        r2 = float(squared == 0)
    return {
        "rmse": scale * math.sqrt(squared / max(count, 1)),
        "mae": scale * sums["absolute"] / max(count, 1),
        "r2": r2,
    }
