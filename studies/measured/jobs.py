"""Work done once: each job's result is kept in a file, so an interrupted study resumes."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lamina.store.atomic import write_text

#: A result or an argument: JSON values.
Values = dict[str, Any]


@dataclass(frozen=True)
class Jobs:
    """Calls of a function, at most ``workers`` side by side with one thread each.

    folder: where results are kept, under the function's name and a digest of its arguments.
    """

    folder: Path
    workers: int

    def run(
        self, what: str, function: Callable[..., Values], arguments: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Values], dict[str, float]]:
        """What ``function(folder=..., **arguments)`` gave, for each of ``arguments`` in their
        order, and the CPU seconds that each job took when it ran, by its name. It may write in
        ``folder``, which is its own and is left to it. JSON values in and out; a function of a
        module, since it may run in another process. Equal arguments are one job.
        """
        files = [self._file(function, given) for given in arguments]
        left = {f: g for f, g in zip(files, arguments, strict=True) if not f.exists()}
        if left:
            with Progress(
                TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                console=Console(stderr=True), transient=True,
            ) as bar:  # fmt: skip
                shown = bar.add_task(what, total=len(left))
                self._work(function, left, lambda: bar.advance(shown))
        kept = {file: json.loads(file.read_text()) for file in files}
        seconds = {file.name: one["cpu_seconds"] for file, one in kept.items()}
        return [kept[file]["found"] for file in files], seconds

    def _work(
        self, function: Callable[..., Values], left: Mapping[Path, Mapping[str, Any]], done: Any
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.workers == 1:
            for file, given in left.items():
                _kept(file, function, given)
                done()
            return
        spawn = multiprocessing.get_context("spawn")  # threads of torch do not survive a fork
        with ProcessPoolExecutor(self.workers, spawn, torch.set_num_threads, (1,)) as pool:
            futures: list[Future[None]] = [
                pool.submit(_kept, file, function, given) for file, given in left.items()
            ]
            try:
                for future in as_completed(futures):
                    future.result()
                    done()
            except BaseException:
                pool.shutdown(cancel_futures=True)  # what runs is kept
                raise

    def _file(self, function: Callable[..., Values], given: Mapping[str, Any]) -> Path:
        canonical = json.dumps(given, sort_keys=True).encode()
        digest = hashlib.sha256(canonical).hexdigest()[:16]
        return self.folder / f"{function.__name__}-{digest}.json"


def _kept(file: Path, function: Callable[..., Values], given: Mapping[str, Any]) -> None:
    begun = time.process_time()  # a busy machine does not stretch it
    found = function(folder=file.with_suffix(""), **given)
    seconds = time.process_time() - begun
    write_text(file, json.dumps({"cpu_seconds": seconds, "found": found}) + "\n")
