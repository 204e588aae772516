"""The recurrent cells by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

CellKind: TypeAlias = Literal["rnn", "gru", "lstm"]
Activation: TypeAlias = Literal["tanh", "relu"]

#: How many gates a cell computes: its weights have ``G * H`` rows.
GATES: Mapping[str, int] = {"rnn": 1, "gru": 3, "lstm": 4}
#: The parts of a cell's state, in order.
STATE_PARTS: Mapping[str, tuple[str, ...]] = {"rnn": ("h",), "gru": ("h",), "lstm": ("h", "c")}
