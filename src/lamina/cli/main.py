"""The program ``lamina``: leaving with a status, and importing what takes seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

#: The status after a Ctrl-C: as shells count, 128 + the signal's number.
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command (``None``: of the command line) and leave with its status."""
    with loading():
        from lamina.cli.app import run
    try:
        status = run(arguments)
    except KeyboardInterrupt:
        print("lamina: interrupted", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """For imports that load torch. An exception in their midst would leave torch half loaded, so
    a Ctrl-C meanwhile ends the process at once, which has done nothing yet."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(*_: object) -> NoReturn:
    os.write(2, b"lamina: interrupted\n")
    os._exit(INTERRUPTED)
