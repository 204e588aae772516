"""Settings of the whole test run."""

from __future__ import annotations

import os
import signal

import torch
from hypothesis import HealthCheck, settings

# Small tensors gain nothing from a second thread, and bits must not depend on the machine.
torch.set_num_threads(1)

# A process of pytest-xdist ignores Ctrl-C, and so would the processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine: what passes on one passes on all. Profile "thorough" draws
# others each time; run it after a change of what reads, encodes or stores.
settings.register_profile(
    "lamina",
    deadline=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", parent=settings.get_profile("lamina"), derandomize=False, max_examples=500
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lamina"))
