"""The core's kept memory, where the process may have little of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lamina.kernels import native

pytestmark = pytest.mark.skipif(native._core is None, reason="the core is not built")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are counted otherwise")
def test_what_lies_idle_makes_room_for_what_is_needed() -> None:
    body = """
import resource
from lamina.kernels import _core

used = resource.getpagesize() * int(open("/proc/self/statm").read().split()[0])
limit = used + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
several = [_core.room((4 << 20,)) for _ in range(8)]
del several
assert _core.idle_bytes() > 16 << 20
_core.room((40 << 20,))
try:
    _core.room((1 << 40,))
except MemoryError:
    print("refused")
"""
    answer = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True)
    assert answer.stdout == "refused\n", answer.stderr
