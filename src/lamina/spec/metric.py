"""What a task is judged by, and the unit in which a gain is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """What a task is judged by, and in what unit a gain is counted.

    A *gain* compares two values of one metric. For ``points`` (a share in 0..1, such as accuracy)
    it is the difference in percentage points. For ``relative`` (perplexity) it is the change
    in percent. :meth:`utility` maps a value to a scale on which gains are differences and
    more is better, so that statistics can be done on it.

    ``blind`` says what a task's ``baseline`` is, in words.
    """

    name: str
    higher_is_better: bool
    gain: Literal["points", "relative"]
    blind: str = ""

    def utility(self, value: float) -> float:
        """``value`` on the scale of gains: 100 * value, or 100 * ln(value), signed so that
        more is better. Ratios to nothing have no size: a relative value counts as 1e-12 at least
        (an error of 0 occurs where a series repeats itself)."""
        scaled = 100.0 * (value if self.gain == "points" else math.log(max(value, 1e-12)))
        return scaled if self.higher_is_better else -scaled

    def value(self, utility: float) -> float:
        """The inverse of :meth:`utility`."""
        scaled = (utility if self.higher_is_better else -utility) / 100.0
        return scaled if self.gain == "points" else math.exp(scaled)

    def utility_gain(self, percent: float) -> float:
        """A gain of ``percent`` (points, or percent of the value) as a difference of utilities.

        For a relative metric where less is better, 1 percent less is ``-100 * ln(0.99)``.
        """
        if self.gain == "points":
            return percent
        share = percent / 100.0
        return 100.0 * (math.log1p(share) if self.higher_is_better else -math.log1p(-share))

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is strictly better than ``b``. Not-a-number is never better."""
        return a > b if self.higher_is_better else a < b

    def show(self, value: float) -> str:
        """For people: ``91.43%``, ``6.832``, ``0.0277``."""
        if self.gain == "points":
            return f"{100 * value:.2f}%"
        return f"{value:.3g}" if abs(value) >= 1e9 else f"{value:.{self.decimals(value)}f}"

    def decimals(self, value: float) -> int:
        """Of a score that is not a share: three, or below 0.1 as many as show three significant
        figures; less than 1e-6 is next to nothing and shown as 0.000."""
        small = 1e-6 <= abs(value) < 0.1
        return 2 - math.floor(math.log10(abs(value))) if small else 3

    @property
    def bounds(self) -> tuple[float, float]:
        """The utilities between which every value lies: a share is at least 0, and at most 1 where
        higher is better (an error rate may be more)."""
        if self.gain == "relative":
            return -math.inf, math.inf
        return (0.0, 100.0) if self.higher_is_better else (-math.inf, 0.0)

    @property
    def unit(self) -> str:
        """What one unit of gain is called."""
        return "points" if self.gain == "points" else "%"


ACCURACY = Metric(
    "accuracy", higher_is_better=True, gain="points", blind="always the most frequent class"
)
BLEU = Metric(
    "bleu", higher_is_better=True, gain="points", blind="always the most frequent translation"
)
#: Harmonic mean of precision and recall over spans.
SPAN_F1 = Metric("f1", higher_is_better=True, gain="points", blind="always the most frequent label")
PERPLEXITY = Metric(
    "perplexity",
    higher_is_better=False,
    gain="relative",
    blind="how frequent each token is, whatever came before",
)
