"""How many threads a call of the core uses."""

from __future__ import annotations

import os

import torch

from lamina.spec import LaminaError

VARIABLE = "LAMINA_THREADS"


def count() -> int:
    """``LAMINA_THREADS`` if it is set, else what ``torch.set_num_threads`` was given.

    Raises:
        LaminaError: the variable is no whole number of at least 1.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return torch.get_num_threads()
    if not wanted.isdecimal() or int(wanted) < 1:
        raise LaminaError(f"{VARIABLE} is {wanted!r}; need a whole number of at least 1")
    return int(wanted)
