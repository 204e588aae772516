"""Recurrences over time, behind one door: :func:`scan`."""

from lamina.cells.weights import LayerNormGains, Weights
from lamina.kernels.door import BACKENDS, Choice, choose, scan
from lamina.kernels.request import (
    Request,
    check_lengths,
    check_rows,
    check_tokens,
    look_up,
    valid_steps,
)

__all__ = [
    "BACKENDS",
    "Choice",
    "LayerNormGains",
    "Request",
    "Weights",
    "check_lengths",
    "check_rows",
    "check_tokens",
    "choose",
    "look_up",
    "scan",
    "valid_steps",
]
