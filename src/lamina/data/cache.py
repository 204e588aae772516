"""Where lamina keeps what it fetched or computed, and can fetch or compute again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$LAMINA_CACHE``, or ``lamina`` under the user's cache folder; it may not exist yet."""
    if own := os.environ.get("LAMINA_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "lamina")
