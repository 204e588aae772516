"""Jobs on a Ray cluster; the only file that imports Ray (extra ``ray``)."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from pathlib import Path
from typing import Any

import torch

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import run_job
from lamina.depth.run.runners.attempts import Attempts
from lamina.depth.run.runners.parcel import pack, unpack
from lamina.depth.tell.progress import SearchProgress
from lamina.depth.trials import Trial
from lamina.spec import LaminaError
from lamina.train import Silent

#: Seconds in which training runs must finish their step and save a checkpoint at shutdown.
PATIENCE = 60.0
#: Seconds in which the head node must answer.
CONNECT = 10.0


class Cluster:
    """Runs jobs as Ray tasks, each with one CPU thread, or as many as the settings say, and with a
    GPU if the cluster has any and the settings allow it.

    A job is stored in the search's folder on the machine where it runs, and resumes there from its
    checkpoint; on another machine it starts again unless the two share a disk. Each machine reads
    the data from the same paths as this one. Progress within a training run stays on its machine.

    Args:
        address: of a cluster, as for ``ray.init``; ``local``: a cluster is started on this machine
            and stopped with the search.
        size: jobs side by side; ``None``: as many as the cluster can run when the search starts.

    Raises:
        LaminaError: Ray is not installed, or the cluster does not respond.
    """

    def __init__(
        self, setup: Setup, out: Path, progress: SearchProgress, address: str, size: int | None
    ):
        self.running: list[Job] = []
        self.progress = progress
        self._attempts = Attempts(progress)
        self._ray = ray = _ray()
        threads = setup.settings.threads or 1
        self.threads: int | None = threads
        parcel = pack(setup)
        self._ours = not ray.is_initialized()
        if self._ours:
            self._connect(address, None if size is None else size * threads)
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0)) if setup.settings.device in ("auto", "cuda") else 0
        self.size = size or gpus or max(int(there.get("CPU", 1)) // threads, 1)
        # Dead processes are counted here, so Ray should not retry.
        options = {"num_cpus": threads, "num_gpus": 1 if gpus else 0, "max_retries": 0}
        self._run = ray.remote(**options)(_run)
        self._arguments = (ray.put(parcel), str(out.resolve()), threads, os.getcwd())
        self._jobs: dict[Any, Job] = {}

    def prepare(self, jobs: int) -> None:
        pass

    def start(self, job: Job) -> None:
        self.running.append(job)
        self._begin(job)

    def wait(self, seconds: float | None) -> Trial | None:
        errors = self._ray.exceptions
        while True:
            ready, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=seconds)
            if not ready:
                return None
            job = self._jobs.pop(ready[0])
            try:
                what, *more = self._ray.get(ready[0])
            except errors.TaskCancelledError:
                raise KeyboardInterrupt from None
            except errors.RayTaskError as error:
                raise RuntimeError(f"{job} failed:\n{error}") from None
            except errors.RayError as error:
                self._attempts.died(job, type(error).__name__)
                self._begin(job)
                continue
            if what == "refused":
                raise LaminaError(more[0], place=more[1])
            if what == "interrupted":
                raise KeyboardInterrupt
            self.running.remove(job)
            return more[0]

    def close(self) -> None:
        self.running.clear()
        left, self._jobs = list(self._jobs), {}
        try:
            for task in left:
                self._ray.cancel(task, force=False)
            if left:
                self._ray.wait(left, num_returns=len(left), timeout=PATIENCE)
        finally:
            if self._ours:
                self._ray.shutdown()
                self._ours = False

    def _begin(self, job: Job) -> None:
        self.progress.trial(job)
        self._jobs[self._run.remote(job, *self._arguments)] = job

    def _connect(self, address: str, cpus: int | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # disable Ray's telemetry
        _answers(address)
        own = {"num_cpus": cpus, "include_dashboard": False} if address == "local" else {}
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
        except (OSError, ValueError, RuntimeError) as error:
            raise _refused(address, " ".join(str(error).split())) from None


def _answers(address: str) -> None:
    """Check that something listens at a host and port: Ray itself would retry for minutes and log
    every attempt.

    Raises:
        LaminaError: nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT).close()
    except (OSError, OverflowError) as error:
        raise _refused(address, str(error)) from None


def _refused(address: str, said: str) -> LaminaError:
    return LaminaError(
        f"got --ray {address}: {said}. Need the address of a Ray cluster that runs, such as"
        " head-node:6379, or local."
    )


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise LaminaError(
            "ray= needs ray, which is not installed. Install it: pip install 'lamina[ray]'."
        ) from None
    return ray


def _run(job: Job, parcel: bytes, out: str, threads: int, folder: str) -> tuple[Any, ...]:
    """Run one job in a Ray process: ``("trial", Trial)``, ``("refused", message, place)`` or
    ``("interrupted",)``."""
    with contextlib.suppress(OSError):  # sources may be named relative to it
        os.chdir(folder)
    torch.set_num_threads(threads)
    try:
        return "trial", run_job(job, _setup(parcel), Path(out), Silent())
    except KeyboardInterrupt:
        return ("interrupted",)
    except LaminaError as error:
        return "refused", error.message, error.place


@functools.lru_cache(maxsize=1)
def _setup(parcel: bytes) -> Setup:
    """The setup, cached because Ray reuses its processes: the data are read once in each."""
    return unpack(parcel)
