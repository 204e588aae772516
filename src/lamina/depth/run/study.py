"""The ledger as an Optuna study: one SQLite file, or a database shared by many machines.

Every job is an Optuna trial: RUNNING while claimed, COMPLETE when finished, with its value, its
depth as a parameter, and the whole :class:`lamina.depth.trials.Trial` as an attribute. A diverged
run has no value, so it is a FAILED trial with that attribute; a FAILED one without it was given up.

A database numbers the trials of a study one at a time, in the transaction that creates them. The
process that creates the RUNNING trial with the lowest number for a job therefore owns it, and
everyone sees the same owner.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lamina.depth.job import Job
from lamina.depth.run.storage import close_storage, open_storage, quiet, shown, why
from lamina.depth.run.tables import StrangeError, check_rows
from lamina.depth.trials import Trial, read_trial
from lamina.spec import LaminaError, Metric
from lamina.store.atomic import write_text
from lamina.store.regular import read_regular
from lamina.train.session import Interrupt

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

#: Seconds between heartbeats of a running job, and the silence after which its worker is presumed
#: dead.
BEAT, GRACE = 10.0, 60.0
#: Time limit in seconds for the last heartbeat when the ledger is closed.
LEAVING = 10.0
#: The parts of a search's configuration that may grow while it remains the same search.
_GROWS = frozenset({"depths", "seeds"})
#: Bounds of the depth parameter of an Optuna trial.
_DEPTHS = (1, 1_000_000)


def study_name(config: Mapping[str, Any]) -> str:
    """A unique name for a search: the same data, models, settings and gain; depths and seeds may be
    added. Files are identified by name and content, because machines keep them in different
    places."""
    fixed = {key: value for key, value in config.items() if key not in _GROWS}
    prints = config["task"].get("fingerprints", {})
    names = {Path(path).name for path in prints}
    data = _without_folders(config["task"].get("data"), names)
    files = sorted((Path(path).name, print_) for path, print_ in prints.items())
    fixed["task"] = {**config["task"], "data": data, "fingerprints": files}
    text = json.dumps(fixed, sort_keys=True)
    return f"lamina-{config['task']['name']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _without_folders(value: Any, names: set[str]) -> Any:
    """The same JSON value, with every path to a file in ``names`` reduced to its name."""
    if isinstance(value, dict):
        return {key: _without_folders(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each, names) for each in value]
    return name if isinstance(value, str) and (name := Path(value).name) in names else value


class StudyLedger:
    """The jobs and trials of a search in an Optuna storage. A context manager; only one at a time
    per folder.

    Args:
        url: of SQLAlchemy; ``None``: in memory, for this process alone.
        config: of the search.
        out: the search's folder. Trials finished by earlier runs there are recorded automatically.

    Raises:
        LaminaError: by every method, if the storage does not respond.
    """

    def __init__(self, url: str | None, config: Mapping[str, Any], out: Path, metric: Metric):
        self.out = out
        self.place = "memory" if url is None else shown(url)
        self.owner = _owner(out)
        #: The number of the Optuna trial of each job claimed here.
        self.mine: dict[str, int] = {}
        #: For each running Optuna trial, its last heartbeat and when that was first seen here.
        #: Clocks of different machines are never compared.
        self._heard: dict[int, tuple[Any, float]] = {}
        self._closed = threading.Event()
        with self._asking():
            self.storage = open_storage(url)
            self.study = self._study(study_name(config), metric)
            if engine := getattr(getattr(self.storage, "_backend", self.storage), "engine", None):
                check_rows(engine, self.study)
            for trial in self._trials():  # the folder's last session ended without releasing them
                if _runs(trial) and trial.user_attrs.get("owner") == self.owner:
                    self._give_up(trial.number)
        self._beats = threading.Thread(target=self._beat, name="lamina-beat", daemon=True)

    def __enter__(self) -> StudyLedger:
        self._beats.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._beats.join(LEAVING)  # limited, in case the storage hangs
        self.storage.remove_session()
        close_storage(self.storage)

    def finished(self, jobs: Iterable[Job]) -> list[Trial]:
        jobs = list(jobs)
        ended = self._ended()
        found: list[Trial] = []
        for job in jobs:
            here = read_trial(self.out, job)
            trial = ended.get(job.key)
            if trial is None and here is not None and job.key not in self.mine:
                trial = self._enter(here)
            if trial is not None:
                found.append(trial)
        return found

    def known(self, jobs: Iterable[Job]) -> list[Trial]:
        ended = self._ended()
        return [ended[job.key] for job in jobs if job.key in ended]

    def claim(self, job: Job) -> bool:
        with self._asking():
            for trial in self._of(job):
                if not (_runs(trial) and self._silent(trial)):
                    return False
                self._give_up(trial.number)
            number = self._create(
                job, "RUNNING", {"owner": self.owner, "beat": time.time()}, value=None
            )
            if min(trial.number for trial in self._of(job)) != number:
                self._give_up(number)
                return False
            self.mine[job.key] = number
            return True

    def finish(self, trial: Trial) -> Trial:
        number = self.mine.pop(trial.job.key, None)
        if number is None:
            return self._enter(trial)
        before = self._ended().get(trial.job.key)
        if before is not None:  # it was taken over, and the other run was faster
            with self._asking():
                self._give_up(number)
            return before
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        with self._asking():
            try:
                optuna_id = self._id(number)
                self.storage.set_trial_user_attr(optuna_id, "trial", msgspec.to_builtins(trial))
                state = TrialState.FAIL if trial.diverged else TrialState.COMPLETE
                values = None if trial.value is None else [trial.value]
                self.storage.set_trial_state_values(optuna_id, state, values)
            except UpdateFinishedTrialError:  # presumed dead, but not yet taken over
                return self._enter(trial)
        return trial

    def release(self, job: Job) -> None:
        number = self.mine.pop(job.key, None)
        if number is not None:
            with self._asking():
                self._give_up(number)

    def agree(self, name: str, make: Callable[[], Any]) -> Any:
        agreed = self.agreed()
        if name in agreed:
            return agreed[name]
        value = make()
        with self._asking():
            self._create(None, "FAIL", {"said": name, "value": value}, value=None)
        return self.agreed()[name]

    def agreed(self) -> dict[str, Any]:
        with self._asking():
            found: dict[str, Any] = {}
            for trial in self._trials():  # the first of two simultaneous values counts
                if "said" in trial.user_attrs:
                    found.setdefault(trial.user_attrs["said"], trial.user_attrs["value"])
            return found

    def _enter(self, trial: Trial) -> Trial:
        """Record a trial that nobody has claimed; returns the one that counts."""
        with self._asking():
            state = "FAIL" if trial.diverged else "COMPLETE"
            self._create(trial.job, state, {"trial": msgspec.to_builtins(trial)}, trial.value)
        return self._ended()[trial.job.key]

    def _ended(self) -> dict[str, Trial]:
        """The finished trials, by key. If a job has two, the first counts."""
        with self._asking():
            found: dict[str, Trial] = {}
            for trial in self._trials():
                kept = trial.user_attrs.get("trial")
                if kept is not None and not _runs(trial):
                    found.setdefault(trial.user_attrs["job"], msgspec.convert(kept, Trial))
            return found

    def _of(self, job: Job) -> list[FrozenTrial]:
        """The job's trials, except those given up."""
        return [
            trial
            for trial in self._trials()
            if trial.user_attrs.get("job") == job.key
            and (_runs(trial) or "trial" in trial.user_attrs)
        ]

    def _trials(self) -> list[FrozenTrial]:
        trials = self.storage.get_all_trials(self.study, deepcopy=False)
        for trial in trials:
            beat = trial.user_attrs.get("beat")
            before = self._heard.get(trial.number)
            if _runs(trial) and (before is None or before[0] != beat):
                self._heard[trial.number] = beat, time.monotonic()
        return sorted(trials, key=lambda trial: trial.number)

    def _silent(self, trial: FrozenTrial) -> bool:
        return time.monotonic() - self._heard[trial.number][1] > GRACE

    def _create(
        self, job: Job | None, state: str, attributes: dict[str, Any], value: float | None
    ) -> int:
        """Create an Optuna trial in one transaction; returns its number."""
        from optuna.distributions import IntDistribution
        from optuna.trial import TrialState, create_trial

        own = {} if job is None else {"job": job.key}
        template = create_trial(
            state=TrialState[state],
            value=value if state == "COMPLETE" else None,
            params={} if job is None else {"depth": job.depth},
            distributions={} if job is None else {"depth": IntDistribution(*_DEPTHS)},
            user_attrs={**own, **attributes},
        )
        return self.storage.get_trial(self.storage.create_new_trial(self.study, template)).number

    def _give_up(self, number: int) -> None:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        with contextlib.suppress(UpdateFinishedTrialError):  # already done by another process
            self.storage.set_trial_state_values(self._id(number), TrialState.FAIL)

    def _id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study, number)

    def _study(self, name: str, metric: Metric) -> int:
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        best = StudyDirection.MAXIMIZE if metric.higher_is_better else StudyDirection.MINIMIZE
        with contextlib.suppress(DuplicatedStudyError), quiet():
            self.storage.create_new_study([best], name)
        return self.storage.get_study_id_from_name(name)

    def _beat(self) -> None:
        """Send heartbeats for the jobs claimed here until the ledger is closed."""
        while not self._closed.wait(BEAT):
            for number in list(self.mine.values()):
                # A job that was taken over has ended; missed updates are sent later.
                with contextlib.suppress(Exception):
                    self.storage.set_trial_user_attr(self._id(number), "beat", time.time())
        self.storage.remove_session()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Report errors of the storage in one line, and hold back a Ctrl-C until it has answered.

        An interrupt inside SQLAlchemy may leave a transaction open, which locks a file for whatever
        comes next in this process. The second Ctrl-C interrupts at once.
        """
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        interrupt = Interrupt()
        try:
            with interrupt:
                yield
        except (OptunaError, SQLAlchemyError, ImportError, StrangeError) as error:
            raise LaminaError(why(error), place=self.place) from error
        finally:
            if interrupt.asked:
                signal.raise_signal(signal.SIGINT)


def _runs(trial: FrozenTrial) -> bool:
    return not trial.state.is_finished()


def _owner(out: Path) -> str:
    """Identifies the user of a folder across sessions; a folder belongs to one process at a
    time."""
    file = out / "owner.txt"
    try:
        kept = read_regular(file).decode("ascii", "replace").strip() if file.exists() else ""
    except OSError as error:
        raise LaminaError(f"cannot be read: {error.strerror}", place=str(file)) from None
    if not re.fullmatch("[0-9a-f]{32}", kept):
        kept = uuid.uuid4().hex
        write_text(file, kept + "\n")
    return kept
