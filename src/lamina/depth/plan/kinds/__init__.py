"""The kinds of training run, by name: a new kind is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds.base import Kind
from lamina.depth.plan.kinds.exits import EXITS
from lamina.depth.plan.kinds.grow import GROW
from lamina.depth.plan.kinds.relax import RELAX
from lamina.depth.plan.kinds.train import TRAIN
from lamina.depth.trials import Trial, read_trial, run_folder, save_trial
from lamina.train import Progress

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (TRAIN, EXITS, GROW, RELAX)}


def check_kind(kind: str, setup: Setup) -> None:
    """Refuse networks that this kind cannot train, before anything is measured or trained."""
    KINDS[kind].check(Job(depth=setup.candidates[-1].depth, seed=0, kind=kind), setup)


def run_job(job: Job, setup: Setup, out: Path, progress: Progress) -> Trial:
    """The trial of a job: read if the job has ended, otherwise run and saved under ``out``."""
    trial = read_trial(out, job)
    if trial is None:
        trial = KINDS[job.kind].run(job, setup, run_folder(out, job), progress)
        save_trial(out, trial)
    return trial


__all__ = ["KINDS", "Kind", "check_kind", "run_job"]
