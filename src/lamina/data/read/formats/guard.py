"""Whether a binary table can be read at all, tried in a process of its own.

A damaged page of a Parquet file may claim more memory than there is. polars then ends the process,
with no exception that could be caught; so another process goes first.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import struct
import subprocess
import sys
import threading
from typing import Literal

Format = Literal["parquet", "ipc"]

#: Reads tables, each as format, size and content, from standard input; answers each with a byte.
_SCRIPT = """
import sys
sys.path[:] = sys.argv[1:]
import io, struct
import polars
sys.stdout.buffer.write(b".")
sys.stdout.buffer.flush()
take = sys.stdin.buffer.read
while len(head := take(16)) == 16:
    name, size = struct.unpack("<8sQ", head)
    try:
        getattr(polars, "read_" + name.rstrip(b"\\0").decode())(io.BytesIO(take(size)))
    except BaseException:
        pass  # the caller meets the same exception, and says what it is
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()
"""


class _Scout:
    """The process that reads first, started when it is needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.owner = 0

    def survives(self, content: bytes, format: Format) -> bool:
        with self.lock:
            lives = False
            try:
                process = self._running()
                if process is None:
                    return True  # there is no way to try
                assert process.stdin is not None
                assert process.stdout is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(struct.pack("<8sQ", format.encode(), len(content)))
                    process.stdin.write(content)
                    process.stdin.flush()
                    lives = bool(process.stdout.read(1))
            finally:
                if not lives:
                    self.stop()
            return lives

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self.process and self.owner == os.getpid() and self.process.poll() is None:
            return self.process
        self.stop()
        if not sys.executable:
            return None
        self.owner = os.getpid()  # a fork has a scout of its own
        with contextlib.suppress(OSError):
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", _SCRIPT, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the caller
            )
            assert self.process.stdout is not None
            if self.process.stdout.read(1):
                return self.process
        return None

    def stop(self) -> None:
        if self.process is not None and self.owner == os.getpid():
            self.process.kill()
            self.process.communicate()
        self.process = None


_SCOUT = _Scout()
atexit.register(_SCOUT.stop)


def survives(content: bytes, format: Format) -> bool:
    """Whether a process that reads ``content`` lives to tell what is in it."""
    return _SCOUT.survives(content, format)
