"""How deep should a network be? A search over depths, decided by evidence.

>>> verdict = search(task, depths=(1, 2, 3), seeds=3, out="runs/depth")   # doctest: +SKIP
>>> print(verdict.headline)                                               # doctest: +SKIP
Use 2 layers.
"""

from lamina.depth.ask.candidates import (
    Candidate,
    equal_parameters,
    equal_width,
    parse_count,
    parse_depths,
)
from lamina.depth.ask.space import Range
from lamina.depth.judge.decision import decide
from lamina.depth.judge.outcome import Decision
from lamina.depth.question import Question
from lamina.depth.search import search
from lamina.depth.tell.verdict import Verdict

__all__ = [
    "Candidate",
    "Decision",
    "Question",
    "Range",
    "Verdict",
    "decide",
    "equal_parameters",
    "equal_width",
    "parse_count",
    "parse_depths",
    "search",
]
