"""Jobs side by side in several processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Iterator
from multiprocessing import connection, resource_tracker
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.run.runners.attempts import Attempts
from lamina.depth.run.runners.parcel import pack
from lamina.depth.run.runners.worker import work
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial
from lamina.spec import LaminaError
from lamina.train import Progress

#: Seconds in which a training run must finish its step and save a checkpoint at shutdown.
PATIENCE = 60.0
#: Seconds for an idle process to exit.
LEAVING = 10.0


class Processes:
    """Runs ``size`` jobs side by side, each in a process with one CPU thread, or as many as the
    settings say.

    Processes are spawned, never forked: a fork would copy torch's OpenMP threads in their current
    state. They start on request, or when first needed, and run one job after another.
    """

    def __init__(self, setup: Setup, out: Path, progress: SearchProgress, size: int):
        self.size, self.progress = size, progress
        self.running: list[Job] = []
        threads = setup.settings.threads or 1
        self.threads: int | None = threads
        self._arguments = (pack(setup), out.resolve(), threads)
        self._workers: list[_Worker] = []
        self._attempts = Attempts(progress)

    def prepare(self, jobs: int) -> None:
        workers = [
            _Worker(self._arguments, self._workers)
            for _ in range(min(jobs, self.size) - len(self._workers))
        ]
        while waiting := {w.pipe: w for w in workers if w in self._workers and not w.ready}:
            for pipe in connection.wait(list(waiting)):
                self._heard(waiting[pipe])  # type: ignore[index]

    def start(self, job: Job) -> None:
        self.running.append(job)
        self._begin(job)

    def wait(self, seconds: float | None) -> Trial | None:
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if until is None else max(until - time.monotonic(), 0.0)
            busy = {worker.pipe: worker for worker in self._workers if worker.job is not None}
            ready = connection.wait(list(busy), left)
            if not ready:
                return None
            trial = self._heard(busy[ready[0]])  # type: ignore[index]
            if trial is not None:
                self.running.remove(trial.job)
                return trial

    def close(self) -> None:
        self.running.clear()
        workers, self._workers = self._workers, []
        try:
            for worker in workers:
                worker.stop()
            until = time.monotonic() + PATIENCE
            for worker in workers:
                worker.drain(until)
        finally:  # a second Ctrl-C arrives here directly
            for worker in workers:
                worker.end()

    def _begin(self, job: Job) -> None:
        idle = [worker for worker in self._workers if worker.job is None]
        worker = idle[0] if idle else _Worker(self._arguments, self._workers)
        worker.begin(job, self.progress.trial(job))

    def _heard(self, worker: _Worker) -> Trial | None:
        try:
            what, *more = worker.pipe.recv()
        except (EOFError, OSError):
            self._died(worker)
            return None
        if what == "trial":
            worker.job = None
            return more[0]
        if what == "hear":
            method, arguments = more
            getattr(worker.progress, method)(*arguments)
        elif what == "ready":
            worker.ready = True
        elif what == "refused":
            raise LaminaError(more[0], place=more[1])
        elif what == "interrupted":
            raise KeyboardInterrupt
        else:
            text, memory = more
            what = "a worker" if worker.job is None else worker.job
            raise (MemoryError if memory else RuntimeError)(f"{what} failed:\n{text}")
        return None

    def _died(self, worker: _Worker) -> None:
        job = worker.job
        self._workers.remove(worker)
        how = worker.end()
        if not worker.ready and how == "exit status 1":
            raise LaminaError(
                "a worker could not start. A script that searches with workers must do so under"
                " `if __name__ == '__main__':`; any other cause is in the error above."
            )
        if job is not None:  # a replacement starts when there is a job for it
            self._attempts.died(job, how)
            self._begin(job)


class _Worker:
    """A process, and the parent's end of its pipe."""

    def __init__(self, arguments: tuple[bytes, Path, int], workers: list[_Worker]):
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self.process = context.Process(target=work, args=(there, *arguments), daemon=True)
        self.job: Job | None = None
        self.progress: Progress
        self.ready = False
        workers.append(self)  # before it starts, so that it is always cleaned up
        with _no_interrupt():
            self.process.start()
        there.close()  # so that the pipe closes with the process

    def begin(self, job: Job, progress: Progress) -> None:
        self.job, self.progress = job, progress
        with contextlib.suppress(OSError):  # it has died, as the closed pipe will show
            self.pipe.send(job)

    def stop(self) -> None:
        """Request the end; a training run first saves a checkpoint. A process still starting up is
        terminated."""
        if not self.ready and self.process.pid is not None:
            self.process.kill()
        with contextlib.suppress(OSError):
            self.pipe.send(None)

    def drain(self, until: float) -> None:
        """Wait for the end; further messages are discarded."""
        with contextlib.suppress(EOFError, OSError):
            while self.pipe.poll(max(until - time.monotonic(), 0.0)):
                self.pipe.recv()

    def end(self) -> str:
        """Make sure that the process is gone; returns how it ended, in words."""
        if self.process.pid is None:
            return "never began"
        self.pipe.close()
        self.process.join(LEAVING)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        if code >= 0:
            return f"exit status {code}"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """A process started in here never receives a terminal's Ctrl-C: this one passes it on, once,
    when it closes. Windows has no such mask."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # if the first start did this, it would undo the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
