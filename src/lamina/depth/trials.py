"""The result of one training run of a search, and where it is stored."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from lamina.depth.job import Job
from lamina.options import NonNegative, Tally
from lamina.spec import LaminaError, Metric
from lamina.store.atomic import write_text
from lamina.store.regular import read_regular


class Trial(Struct, frozen=True):
    """The result of a job.

    Attributes:
        value: the best validation value of the task's metric, None if training diverged.
        epochs, steps, seconds: totals of the training run so far, excluding pauses.
        step_ms, tokens_per_second: measured during the run; to compare depths use
            :class:`lamina.depth.ask.measure.Cost`.
        curve: (epoch, validation value) of each evaluation.
        values, curves: for a kind that trains several depths at once, (depth, value) and (depth,
            curve) of each; ``value`` and ``curve`` are then those of its preferred depth.
        shares: for a kind that learns a choice of depth, the final (depth, weight) pairs; the
            weights sum to 1.
    """

    job: Job
    parameters: Tally
    value: float | None
    best_epoch: Tally
    epochs: Tally
    steps: Tally
    seconds: NonNegative
    tokens_per_second: NonNegative
    step_ms: NonNegative
    curve: tuple[tuple[int, float], ...] = ()
    values: tuple[tuple[int, float | None], ...] = ()
    curves: tuple[tuple[int, tuple[tuple[int, float], ...]], ...] = ()
    shares: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        for several, most in (
            (self.values, self.job.depth),
            (self.curves, self.job.depth),
            (self.shares, math.inf),  # a part of :func:`apart` keeps those of all
        ):
            depths = [depth for depth, _ in several]
            if len(set(depths)) < len(depths) or not all(0 < depth <= most for depth in depths):
                raise ValueError(f"a training run of {self.job} has no depths {depths}")
        if self.values and self.job.kind == "train":
            raise ValueError(f"a training run of {self.job} has the value of one depth")

    @property
    def depth(self) -> int:
        """The depth of the job."""
        return self.job.depth

    @property
    def seed(self) -> int:
        """The seed of the job."""
        return self.job.seed

    @property
    def whole(self) -> bool:
        """Whether this was a run of a single depth, to its end."""
        return self.job.kind == "train" and self.job.epochs is None

    @property
    def unchanged(self) -> bool:
        """Whether it was trained with the settings of the search."""
        return not self.job.changes

    @property
    def diverged(self) -> bool:
        """Whether training was aborted, or ended without a finite score."""
        return self.value is None

    def utility(self, metric: Metric) -> float:
        """The score as a utility; NaN if training diverged."""
        return math.nan if self.value is None else metric.utility(self.value)


def apart(trials: Iterable[Trial]) -> list[Trial]:
    """One trial per trained depth: a trial of several depths is split, each part with its own value
    and curve."""
    found: list[Trial] = []
    for trial in trials:
        if not trial.values:
            found.append(trial)
        for depth, value in trial.values:
            curve = dict(trial.curves).get(depth, ())
            job = msgspec.structs.replace(trial.job, depth=depth)
            best = next((epoch for epoch, point in curve if point == value), 0)
            found.append(
                msgspec.structs.replace(
                    trial, job=job, value=value, best_epoch=best, curve=curve, values=(), curves=()
                )
            )
    return found


def spent(trials: Iterable[Trial]) -> float:
    """Total training time of ``trials`` in seconds; a run that was paused and resumed counts
    once."""
    longest: dict[str, float] = {}
    for trial in trials:
        longest[trial.job.run] = max(trial.seconds, longest.get(trial.job.run, 0.0))
    return sum(longest.values())


def longest(trials: Iterable[Trial]) -> list[Trial]:
    """The most advanced trial of each training run: the complete one, or the latest pause."""
    found: dict[str, Trial] = {}
    for trial in trials:
        other = found.get(trial.job.run)
        if other is None or (other.job.epochs is not None and _reach(trial) > _reach(other)):
            found[trial.job.run] = trial
    return list(found.values())


def _reach(trial: Trial) -> float:
    return math.inf if trial.job.epochs is None else trial.job.epochs


def run_folder(out: Path, job: Job) -> Path:
    """The folder of a job's training run."""
    return out / "trials" / job.run


def save_trial(out: Path, trial: Trial) -> None:
    """Save a trial next to its run, atomically."""
    text = msgspec.json.format(msgspec.json.encode(trial), indent=1).decode()
    write_text(_file(out, trial.job), text + "\n")


def read_trial(out: Path, job: Job) -> Trial | None:
    """The trial that :func:`save_trial` stored for this job; None if the job has not ended.

    Raises:
        LaminaError: the file is malformed, or belongs to another job.
    """
    file = _file(out, job)
    if not file.exists():
        return None
    try:
        trial = msgspec.json.decode(read_regular(file), type=Trial)
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(file)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LaminaError(
            f"is not the trial of a search: {error}. Delete it, and the run is trained again.",
            place=str(file),
        ) from None
    if trial.job != job:
        raise LaminaError(f"is of {trial.job}, not of {job}. Delete it.", place=str(file))
    return trial


def _file(out: Path, job: Job) -> Path:
    name = "trial.json" if job.epochs is None else f"trial-until-{job.epochs}.json"
    return run_folder(out, job) / name
