"""Progress on stderr while a large file is read for the first time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from lamina.store.cache import VARIABLE

#: Minimum seconds between redraws of a live line, and between lines of a log.
REDRAW, LOG = 0.25, 30.0


@contextmanager
def reading(path: str | Path, kept: Path) -> Iterator[Callable[[str, int], None]]:
    """Show how far the file at ``path`` has been read, and finally where the result is stored.

    Yields:
        A function to call with the current activity (``"counting"``) and the bytes read so far. It
        draws a live line if stderr is a terminal, otherwise prints a line now and then.
    """
    total = Path(path).stat().st_size
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield _log(path, total)
    else:
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        with bar:
            yield _live(bar, path, total)
    print(
        f"{path}: kept in {kept}, to be read from there next time ({VARIABLE} names another "
        "folder)",
        file=sys.stderr,
        flush=True,
    )


def _live(bar: Progress, path: str | Path, total: int) -> Callable[[str, int], None]:
    line = bar.add_task("", total=total)
    drawn = 0.0

    def on_progress(doing: str, done: int) -> None:
        nonlocal drawn
        if time.monotonic() - drawn >= REDRAW:
            drawn = time.monotonic()
            bar.update(line, completed=done, description=f"{doing} {Path(path).name}")
            bar.refresh()

    return on_progress


def _log(path: str | Path, total: int) -> Callable[[str, int], None]:
    written = time.monotonic()

    def on_progress(doing: str, done: int) -> None:
        nonlocal written
        if time.monotonic() - written >= LOG:
            written = time.monotonic()
            print(f"{path}: {doing}, {done / total:.0%}", file=sys.stderr, flush=True)

    return on_progress


def waiting_for(path: str | Path) -> Callable[[], None]:
    """Report that another process is already reading the file at ``path``."""

    def waiting() -> None:
        print(f"{path}: another process is reading it; waiting", file=sys.stderr, flush=True)

    return waiting
