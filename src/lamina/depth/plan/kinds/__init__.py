"""How a job is trained, by name: a new kind is a new file here and a line below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lamina.depth.ask.setup import Setup
from lamina.depth.job import Job
from lamina.depth.plan.kinds import exits, grow, relax, train
from lamina.depth.trials import Trial, read_trial, run_folder, save_trial
from lamina.train import Progress

#: Train a job in a folder, or go on there; KeyboardInterrupt where it was interrupted.
Kind = Callable[[Job, Setup, Path, Progress], Trial]

KINDS: Mapping[str, Kind] = {
    "train": train.run,
    "exits": exits.run,
    "grow": grow.run,
    "relax": relax.run,
}


#: Builds what a job of the kind needs and raises LaminaError where the networks are not fit for it.
CHECKS: Mapping[str, Callable[[Job, Setup], object]] = {
    "exits": exits.shared,
    "grow": grow.check,
    "relax": relax.relaxed,
}


def check_kind(kind: str, setup: Setup) -> None:
    """Refuse, before anything is measured or trained, networks that cannot be trained so."""
    if kind in CHECKS:
        CHECKS[kind](Job(depth=setup.candidates[-1].depth, seed=0, kind=kind), setup)


def run_job(job: Job, setup: Setup, out: Path, progress: Progress) -> Trial:
    """The trial of a job, read where it has ended, else run and kept under ``out``."""
    trial = read_trial(out, job)
    if trial is None:
        trial = KINDS[job.kind](job, setup, run_folder(out, job), progress)
        save_trial(out, trial)
    return trial
