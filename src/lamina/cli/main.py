"""The program ``lamina``."""

from __future__ import annotations

import sys
from typing import NoReturn

from lamina.cli.loading import INTERRUPTED, loading


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


if __name__ == "__main__":
    main()
