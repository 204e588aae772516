"""Whether scores can be evidence about depth at all: numbers in, a reason against it out.

Between depths that learned nothing, or that were all trained on a wrong scale, no rule can choose;
their scores would still pass for a verdict, because they agree so well.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamina.depth.judge.outcome import Senseless

#: Utilities that agree to within this are the same score: 0.0001 points or percent.
SAME = 1e-4
#: Scores are far off if even the best depth is worse than no network by this: an error 100 times
#: as large.
FAR = 100 * math.log(100)
#: Beside an error below 1e-6, which a series that repeats itself has without a network, that says
#: nothing: such a series is learned well at 1e-4.
EXACT = 100 * math.log(1e6)


def senseless(x: NDArray[np.float64], best: float, baseline: float | None) -> Senseless | None:
    """Why these scores say nothing about depth; None if they may.

    Args:
        x: ``(n, K)`` utilities of n seeds at K depths, NaN if missing.
        best: the largest mean utility of a depth.
        baseline: the utility of the best answer that reads no input; None if it is unknown, and
            then nothing can be said.

    Returns:
        ``"constant"``: all of at least two runs have the same score, and it is no better than the
        baseline. (Perfect scores are constant too, but better.) ``"far off"``: see :data:`FAR`.
    """
    scores = x[np.isfinite(x)]
    if baseline is None or not scores.size:
        return None
    if best < baseline - FAR and baseline < EXACT:
        return "far off"
    alike = scores.size > 1 and np.ptp(scores) <= SAME
    return "constant" if alike and scores.max() <= baseline + SAME else None
