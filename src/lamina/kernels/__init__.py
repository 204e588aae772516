"""Recurrences over time, behind one door: :func:`scan`."""

from lamina.cells.weights import LayerNormGains, Weights
from lamina.kernels.door import BACKENDS, Choice, choose, scan
from lamina.kernels.given import (
    check_lengths,
    check_rows,
    check_tensor,
    check_tokens,
    valid_steps,
)
from lamina.kernels.request import Request, look_up

__all__ = [
    "BACKENDS",
    "Choice",
    "LayerNormGains",
    "Request",
    "Weights",
    "check_lengths",
    "check_rows",
    "check_tensor",
    "check_tokens",
    "choose",
    "look_up",
    "scan",
    "valid_steps",
]
