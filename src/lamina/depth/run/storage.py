"""The Optuna storage of a study: open it, close it, and report errors in one line."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.depth.run.tables import StrangeError, check_tables
from lamina.spec import LaminaError
from lamina.store.regular import open_regular

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

#: Attempts to open a new database: two machines that create its tables at once collide.
OPENINGS = 5
#: Seconds to wait for a lock on an SQLite file that is held by others.
PATIENCE = 60.0


def open_storage(url: str | None) -> BaseStorage:
    """Open the storage, creating its tables if necessary."""
    from alembic.util import CommandError
    from optuna.storages import InMemoryStorage, RDBStorage, get_storage
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, ProgrammingError

    if url is None:
        return InMemoryStorage()
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LaminaError(  # the URL may hold a password, so it is not shown
            "storage is not a URL; need that of a database, such as sqlite:///study.db or"
            " postgresql://user:password@host/database."
        ) from None
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    fresh = False
    if parsed.get_backend_name() == "sqlite":
        arguments["connect_args"] = {"timeout": PATIENCE}
        fresh = not (parsed.database and Path(parsed.database).exists())
        if not fresh:
            try:
                open_regular(str(parsed.database)).close()
            except OSError as error:
                raise LaminaError(
                    f"cannot be read: {error.strerror}", place=parsed.database
                ) from None
    elif parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if not fresh:
        engine = create_engine(parsed, **arguments)
        try:
            check_tables(engine)
        finally:
            engine.dispose()
    text = parsed.render_as_string(hide_password=False)
    text = text.replace("{", "{{").replace("}", "}}")  # escape it: Optuna fills in templates
    for opening in range(OPENINGS):
        try:
            with warnings.catch_warnings(), quiet():
                warnings.simplefilter("ignore")
                return get_storage(RDBStorage(text, arguments, skip_compatibility_check=fresh))
        except (RuntimeError, AssertionError, CommandError) as error:  # of another version
            raise StrangeError(str(error)) from None
        except DatabaseError as error:
            both = isinstance(error, IntegrityError | ProgrammingError) or "exists" in str(error)
            if not both or opening == OPENINGS - 1:
                raise
            time.sleep(0.2 * (opening + 1))
    raise AssertionError("not reached")


def close_storage(storage: BaseStorage) -> None:
    """Release the storage's resources; Optuna has no public function for that."""
    engine = getattr(getattr(storage, "_backend", storage), "engine", None)
    if engine is not None:
        engine.dispose()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's messages on stderr about what it creates."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def shown(url: str) -> str:
    """The URL without its password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string()
    except (ArgumentError, ValueError):
        return "storage"


def why(error: Exception) -> str:
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
            "got an unknown kind of database; need sqlite:///FILE or"
            " postgresql://user@host/database."
        )
    if type(cause) is sqlite3.DatabaseError or isinstance(cause, StrangeError):
        return (
            f"is not the study of a search: {said}. Move it away, or name another database;"
            " finished training runs are read from the search's folder."
        )
    if "readonly database" in said:
        return "is read-only; a search notes its training runs there. Make it writable."
    if said == "database is locked":
        return "is locked by another program. Close it, and run the same command again."
    if "unable to open database file" in said:
        return "cannot be opened or created; its folder must exist and be writable."
    return (
        f"the search's storage does not respond: {said}. Finished training runs are kept; run the"
        " same command again once it is back."
    )


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite file."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(file.resolve())).render_as_string()
