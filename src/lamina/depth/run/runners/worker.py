"""The code that runs in each process of :class:`lamina.depth.run.runners.processes.Processes`."""

from __future__ import annotations

import _thread
import os
import queue
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from lamina.depth.job import Job
from lamina.depth.plan.kinds import run_job
from lamina.depth.run.runners.parcel import unpack
from lamina.spec import LaminaError, LaminaWarning
from lamina.train import Silent

#: Minimum seconds between reported steps.
TOLD = 0.25


def work(pipe: Connection, parcel: bytes, out: Path, threads: int) -> None:
    """Run the jobs received from ``pipe`` until None arrives, which also interrupts a running job.
    The process ends when its parent does, for whatever reason.

    Messages sent: ``("hear", method, arguments)`` for the job's progress; ``("trial", Trial)``;
    ``("refused", message, place)``; ``("failed", traceback, whether it ran out of memory)``;
    ``("interrupted",)``.
    """
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore", LaminaWarning)  # what the data was read as is said already
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    state = _State()
    threading.Thread(target=_listen, args=(pipe, jobs, state), daemon=True).start()
    try:
        setup = unpack(parcel)
        pipe.send(("ready",))
        while (job := jobs.get()) is not None:
            state.begin()
            trial = run_job(job, setup, out, PipeProgress(pipe))
            state.end()
            pipe.send(("trial", trial))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        pipe.send(("interrupted",))
    except LaminaError as error:
        pipe.send(("refused", error.message, error.place))
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        pipe.send(("failed", text, isinstance(error, MemoryError)))


class _State:
    """Whether a job is running, and whether shutdown was requested: a job that arrives together
    with the request does not start, and a running one is interrupted."""

    def __init__(self):
        self.lock = threading.Lock()
        self.busy = self.closing = False

    def begin(self) -> None:
        """Mark a job as running.

        Raises:
            KeyboardInterrupt: shutdown was requested.
        """
        with self.lock:
            if self.closing:
                raise KeyboardInterrupt
            self.busy = True

    def end(self) -> None:
        with self.lock:
            self.busy = False

    def close(self) -> None:
        with self.lock:
            self.closing = True
            if self.busy:
                # Simulate a Ctrl-C for this process only: the training run finishes its step and
                # saves a checkpoint.
                _thread.interrupt_main()


def _listen(pipe: Connection, jobs: queue.SimpleQueue[Job | None], state: _State) -> None:
    try:
        while (job := pipe.recv()) is not None:
            jobs.put(job)
    except (EOFError, OSError):
        os._exit(1)  # the parent is gone; the last checkpoint is saved
    state.close()
    jobs.put(None)


class PipeProgress(Silent):
    """Forwards the progress of a training run to the parent; steps only now and then."""

    def __init__(self, pipe: Connection):
        self.pipe, self.at = pipe, 0.0

    def step(
        self, epoch: int, batch: int, batches: int, loss: float | None, tokens_per_second: float
    ) -> None:
        if time.monotonic() - self.at >= TOLD:
            self.at = time.monotonic()
            self._tell("step", epoch, batch, batches, loss, tokens_per_second)

    def evaluated(self, line: Mapping[str, Any], best: bool) -> None:
        self._tell("evaluated", dict(line), best)

    def _tell(self, method: str, *arguments: Any) -> None:
        self.pipe.send(("hear", method, arguments))
