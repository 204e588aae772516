"""The program ``lamina``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

#: The status after a Ctrl-C: as shells count, 128 + the signal's number.
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command (``None``: of the command line) and leave with its status."""
    run = _load()
    try:
        status = run(arguments)
    except KeyboardInterrupt:
        print("lamina: interrupted", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)


def _load() -> Callable[[list[str] | None], int]:
    """The commands. torch takes seconds to load, and an exception in the midst of it would leave
    it half loaded: a Ctrl-C meanwhile ends the process as it is, which has done nothing yet."""
    hears = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, _leave) if hears else None
    try:
        from lamina.cli.app import run
    finally:
        if hears:
            signal.signal(signal.SIGINT, before)
    return run


def _leave(*_: object) -> NoReturn:
    os.write(2, b"lamina: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
