"""The versions that a run was made with, for its ``config.json``."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any


def versions() -> dict[str, Any]:
    """Versions of Python, torch and lamina, the platform, and the number of CPU threads."""
    import torch

    try:
        lamina = metadata.version("lamina")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        lamina = "unknown"
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "lamina": lamina,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }
