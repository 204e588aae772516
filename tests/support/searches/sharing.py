"""Ledgers of machines that share a storage, a job for them, and what came of it."""

from __future__ import annotations

from pathlib import Path

from lamina.depth.job import Job
from lamina.depth.run.study import StudyLedger
from lamina.depth.trials import Trial
from lamina.spec import ACCURACY

CONFIG = {"task": {"name": "toy"}, "depths": [1, 2], "seeds": 2, "min_gain": 1.0}
JOB = Job(depth=2, seed=1)


def trial(job: Job = JOB, value: float | None = 0.5) -> Trial:
    return Trial(job, 10, value, 1, 2, 8, 1.5, 100.0, 2.0, ((1, 0.4), (2, 0.5)))


def machine(url: str, folder: Path, **config) -> StudyLedger:
    """A ledger of a machine of its own; without a heartbeat until it is entered."""
    folder.mkdir(exist_ok=True)
    return StudyLedger(url, {**CONFIG, **config}, folder, ACCURACY)
