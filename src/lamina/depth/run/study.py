"""The ledger as an Optuna study: one SQLite file, or a database that many machines share.

Every job is an Optuna trial: RUNNING while somebody has it, COMPLETE when it has ended, with its
value, its depth as a parameter, and the whole :class:`lamina.depth.trials.Trial` as an attribute.
One that diverged has no value, so it is a FAILED trial with that attribute; a FAILED one without
it was given up.

A database gives the trials of a study their numbers one at a time, in the transaction that creates
them. So who creates the RUNNING trial with the lowest number for a job has it, and all see the
same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lamina.depth.job import Job
from lamina.depth.trials import Trial, read_trial
from lamina.spec import LaminaError, Metric
from lamina.store.atomic import write_text

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

#: Seconds between two signs of life of those who run a job, and the silence after which they are
#: taken for dead.
BEAT, GRACE = 10.0, 60.0
#: Seconds that the last sign of life may take when all is closed.
LEAVING = 10.0
#: Times that a new database is tried: two machines that make its tables at once disturb each other.
OPENINGS = 5
#: What of a search's configuration may grow while it stays the same search.
_GROWS = frozenset({"depths", "seeds"})
#: The depth of an Optuna trial is a number between these.
_DEPTHS = (1, 1_000_000)


def study_name(config: Mapping[str, Any]) -> str:
    """One name for one search: the same data, models, settings and gain; depths and seeds may be
    added to it. Files count by their names and contents: machines keep them in different places."""
    fixed = {key: value for key, value in config.items() if key not in _GROWS}
    prints = config["task"].get("fingerprints", {})
    names = {Path(path).name for path in prints}
    data = _without_folders(config["task"].get("data"), names)
    files = sorted((Path(path).name, print_) for path, print_ in prints.items())
    fixed["task"] = {**config["task"], "data": data, "fingerprints": files}
    text = json.dumps(fixed, sort_keys=True)
    return f"lamina-{config['task']['name']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _without_folders(value: Any, names: set[str]) -> Any:
    """The same JSON value, with every path of a file that is called one of ``names`` cut to it."""
    if isinstance(value, dict):
        return {key: _without_folders(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each, names) for each in value]
    return name if isinstance(value, str) and (name := Path(value).name) in names else value


class StudyLedger:
    """Jobs and trials of a search in an Optuna storage. A context manager; one at a time in a
    folder.

    url:    of SQLAlchemy; ``None``: in memory, for this process alone.
    config: of the search.
    out:    the search's folder. Trials that its runs have ended are entered by themselves.

    Every method raises LaminaError where the storage does not answer.
    """

    def __init__(self, url: str | None, config: Mapping[str, Any], out: Path, metric: Metric):
        self.out = out
        self.place = "memory" if url is None else _shown(url)
        self.owner = _owner(out)
        #: The number of the Optuna trial of each job that is claimed here.
        self.mine: dict[str, int] = {}
        #: Of each Optuna trial that runs, its last sign of life and when that was first seen here.
        #: No clock is compared with another machine's.
        self._heard: dict[int, tuple[Any, float]] = {}
        self._closed = threading.Event()
        with self._asking():
            self.storage = _open(url)
            self.study = self._study(study_name(config), metric)
            for trial in self._trials():  # this folder's last session ended without releasing them
                if _runs(trial) and trial.user_attrs.get("owner") == self.owner:
                    self._give_up(trial.number)
        self._beats = threading.Thread(target=self._beat, name="lamina-beat", daemon=True)

    def __enter__(self) -> StudyLedger:
        self._beats.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._beats.join(LEAVING)  # not for ever, where the storage hangs
        self.storage.remove_session()
        _close(self.storage)

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
        if before is not None:  # it was taken over, and the other was faster
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
            except UpdateFinishedTrialError:  # taken for dead, and not taken over yet
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
            for trial in self._trials():  # of two that spoke at once the first counts
                if "said" in trial.user_attrs:
                    found.setdefault(trial.user_attrs["said"], trial.user_attrs["value"])
            return found

    def _enter(self, trial: Trial) -> Trial:
        """Keep a trial that nobody has claimed; returns the one that counts."""
        with self._asking():
            state = "FAIL" if trial.diverged else "COMPLETE"
            self._create(trial.job, state, {"trial": msgspec.to_builtins(trial)}, trial.value)
        return self._ended()[trial.job.key]

    def _ended(self) -> dict[str, Trial]:
        """What has ended, by key. Of two trials of one job the first counts."""
        with self._asking():
            found: dict[str, Trial] = {}
            for trial in self._trials():
                kept = trial.user_attrs.get("trial")
                if kept is not None and not _runs(trial):
                    found.setdefault(trial.user_attrs["job"], msgspec.convert(kept, Trial))
            return found

    def _of(self, job: Job) -> list[FrozenTrial]:
        """The job's trials, without those that were given up."""
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
        """A new Optuna trial, in one transaction; returns its number."""
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

        with contextlib.suppress(UpdateFinishedTrialError):  # somebody else did
            self.storage.set_trial_state_values(self._id(number), TrialState.FAIL)

    def _id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study, number)

    def _study(self, name: str, metric: Metric) -> int:
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        best = StudyDirection.MAXIMIZE if metric.higher_is_better else StudyDirection.MINIMIZE
        with contextlib.suppress(DuplicatedStudyError), _quiet():
            self.storage.create_new_study([best], name)
        return self.storage.get_study_id_from_name(name)

    def _beat(self) -> None:
        """Give signs of life for the jobs that are claimed here, until the ledger is closed."""
        while not self._closed.wait(BEAT):
            for number in list(self.mine.values()):
                # One that was taken over has ended; what the storage misses now it hears later.
                with contextlib.suppress(Exception):
                    self.storage.set_trial_user_attr(self._id(number), "beat", time.time())
        self.storage.remove_session()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (OptunaError, SQLAlchemyError, ImportError) as error:
            raise LaminaError(_why(error), place=self.place) from error


def _open(url: str | None) -> BaseStorage:
    """The storage, its tables made where there are none."""
    from optuna.storages import InMemoryStorage, RDBStorage, get_storage
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, ProgrammingError

    if url is None:
        return InMemoryStorage()
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LaminaError(  # which may hold a password, and is not shown
            "got a storage that is no URL; need the URL of a database, such as sqlite:///study.db"
            " or postgresql://user:password@host/database."
        ) from None
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    fresh = False
    if parsed.get_backend_name() == "sqlite":
        arguments["connect_args"] = {"timeout": 60}  # seconds that it may be locked by others
        fresh = not (parsed.database and Path(parsed.database).exists())
    elif parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    text = parsed.render_as_string(hide_password=False)
    text = text.replace("{", "{{").replace("}", "}}")  # Optuna fills in templates
    for opening in range(OPENINGS):
        try:
            with warnings.catch_warnings(), _quiet():
                warnings.simplefilter("ignore")
                return get_storage(RDBStorage(text, arguments, skip_compatibility_check=fresh))
        except DatabaseError as error:
            both = isinstance(error, IntegrityError | ProgrammingError) or "exists" in str(error)
            if not both or opening == OPENINGS - 1:
                raise
            time.sleep(0.2 * (opening + 1))
    raise AssertionError("not reached")


def _close(storage: BaseStorage) -> None:
    """Give back what the storage holds open; Optuna has no door for that."""
    engine = getattr(getattr(storage, "_backend", storage), "engine", None)
    if engine is not None:
        engine.dispose()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Optuna says on stderr what it creates; that is the search's own business."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _runs(trial: FrozenTrial) -> bool:
    return not trial.state.is_finished()


def _owner(out: Path) -> str:
    """Who works in a folder, in every session; the folder is one process's at a time."""
    file = out / "owner.txt"
    kept = file.read_bytes().decode("ascii", "replace").strip() if file.exists() else ""
    if not re.fullmatch("[0-9a-f]{32}", kept):
        kept = uuid.uuid4().hex
        write_text(file, kept + "\n")
    return kept


def _shown(url: str) -> str:
    """A URL without its password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string()
    except (ArgumentError, ValueError):
        return "storage"


def _why(error: Exception) -> str:
    from sqlalchemy.exc import NoSuchModuleError

    cause = error.__cause__ if error.__cause__ is not None else error
    cause = getattr(cause, "orig", None) or cause
    if isinstance(cause, ModuleNotFoundError):
        if cause.name == "psycopg":
            return (
                "needs psycopg, which is not installed. Install it: pip install 'lamina[postgres]'."
            )
        return f"needs the Python package {cause.name}, which is not installed."
    said = " ".join(str(cause).split()).rstrip(".?")
    if isinstance(cause, NoSuchModuleError):
        return (
            "got a kind of database that is not known; need sqlite:///FILE or"
            " postgresql://user@host/database."
        )
    if type(cause) is sqlite3.DatabaseError:
        return (
            f"is no study of a search: {said}. Move it away: the trainings that the search's folder"
            " keeps count again."
        )
    if "unable to open database file" in said:
        return "cannot be opened or made; the folder of the file must exist and be yours to write."
    return (
        f"the storage of the search does not answer: {said}. What has ended is kept; with the"
        " storage back, the same command goes on."
    )


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(file.resolve())).render_as_string()
