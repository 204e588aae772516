"""What the tables of a study hold, checked before Optuna reads them.

A database may come from a stranger: a view in place of a table can keep a query busy forever, and
Optuna takes values of other types for a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lamina.depth.trials import Trial

if TYPE_CHECKING:
    from sqlalchemy import Engine


class _Trial(msgspec.Struct, frozen=True):
    """A row of ``trials``; its state and times are converted by SQLAlchemy."""

    number: Annotated[int, Meta(ge=0)]
    state: Any
    datetime_start: Any
    datetime_complete: Any


class _Value(msgspec.Struct, frozen=True):
    """A row of ``trial_values``."""

    objective: Literal[0]
    value: float | None
    value_type: Any


class _Range(msgspec.Struct, frozen=True):
    """The limits of a depth."""

    low: int
    high: int


class _Distribution(msgspec.Struct, frozen=True):
    """How Optuna notes them."""

    name: Literal["IntDistribution"]
    attributes: _Range


class _Depth(msgspec.Struct, frozen=True):
    """A row of ``trial_params``."""

    param_name: Literal["depth"]
    param_value: Annotated[float, Meta(ge=1, le=1e6)]
    distribution_json: str

    def __post_init__(self) -> None:
        msgspec.json.decode(self.distribution_json, type=_Distribution)


class Attributes(msgspec.Struct, frozen=True):
    """What lamina notes with a trial of Optuna's.

    Attributes:
        job: the key of the job; ``None`` for a value that all machines agree on.
        owner: identifies the folder whose session claimed the job.
        beat: the last heartbeat.
        trial: what came of the job.
        said, value: the name of an agreed value, and the value.
    """

    job: str | None = None
    owner: str | None = None
    beat: float | None = None
    trial: Trial | None = None
    said: str | None = None
    value: Any = msgspec.UNSET

    def __post_init__(self) -> None:
        if (self.said is None) != (self.value is msgspec.UNSET):
            raise ValueError("a value and its name go together")
        if self.trial is not None and self.trial.job.key != self.job:
            raise ValueError(f"the trial of {self.job} is that of {self.trial.job.key}")


class StrangeError(Exception):
    """The database is not that of a search; says why."""


def check_tables(engine: Engine) -> None:
    """Check that the tables of a study, as far as there are any, are those of Optuna.

    Raises:
        StrangeError: a view or another kind of table in place of one, or other columns; in a file,
            also triggers, or tables of another program alone.
    """
    from optuna.storages._rdb.models import BaseModel
    from sqlalchemy import inspect, text

    own = BaseModel.metadata.tables
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            made = connection.execute(text("SELECT type, name, sql FROM sqlite_master")).all()
        for kind, name, sql in made:
            plain = kind == "index" or (kind == "table" and str(sql).startswith("CREATE TABLE"))
            if not plain:
                raise StrangeError(f"{name} is a {kind}, which lamina does not make")
        tables = {name for kind, name, _ in made if kind == "table"}
        if tables and not tables & own.keys():
            raise StrangeError(f"it has the table {min(tables)}, and none of a study")
    inspector = inspect(engine)
    for name in sorted({"alembic_version", *own} & {*inspector.get_view_names()}):
        raise StrangeError(f"{name} is a view; need a table")
    found = own.keys() & {*inspector.get_table_names()}
    for name in sorted(found):
        need = {column.name for column in own[name].columns}
        got = {column["name"] for column in inspector.get_columns(name)}
        for column in sorted(need ^ got):
            what = "has no" if column in need else "has another"
            raise StrangeError(f"its table {name} {what} column {column}")
    if found and len(found) < len(own):
        with engine.connect() as connection:
            if "studies" not in found or connection.execute(text("SELECT 1 FROM studies")).first():
                raise StrangeError(f"it has no table {min(own.keys() - found)}")
    if found and engine.dialect.name == "sqlite":  # PostgreSQL keeps such rows from coming about
        with engine.connect() as connection:
            torn = connection.execute(text("PRAGMA foreign_key_check")).first()
        if torn is not None:
            raise StrangeError(f"its table {torn[0]} has rows of what is no longer there")


def check_rows(engine: Engine, study: int) -> None:
    """Check that what the tables hold of a study is what lamina writes.

    Raises:
        StrangeError: with what is something else.
    """
    from optuna.storages._rdb.models import BaseModel
    from sqlalchemy import select

    tables = BaseModel.metadata.tables
    trials = tables["trials"]

    with engine.connect() as connection:

        def rows(table: str, *columns: str) -> Iterable[dict[str, Any]]:
            """Of each row these columns, and the number of its trial."""
            own = tables[table]
            asked = select(trials.c.number, *(own.c[name] for name in columns))
            if table != "trials":
                asked = asked.select_from(own.join(trials, own.c.trial_id == trials.c.trial_id))
            found = connection.execute(asked.where(trials.c.study_id == study)).all()
            return (dict(zip(("number", *columns), row, strict=True)) for row in found)

        table = "trials"
        try:
            columns = ("state", "datetime_start", "datetime_complete")
            numbers = [msgspec.convert(row, _Trial).number for row in rows(table, *columns)]
            if len(set(numbers)) < len(numbers):
                raise ValueError("two trials have the same number")
            for table, kind in (("trial_values", _Value), ("trial_params", _Depth)):
                for row in rows(table, *kind.__struct_fields__):
                    msgspec.convert(row, kind)
            table = "trial_user_attributes"
            attributes: dict[int, dict[str, Any]] = {}
            for row in rows(table, "key", "value_json"):
                value = msgspec.json.decode(msgspec.convert(row["value_json"], str))
                attributes.setdefault(row["number"], {})[row["key"]] = value
            for noted in attributes.values():
                msgspec.convert(noted, Attributes)
            for table in ("trial_system_attributes", "trial_intermediate_values"):
                if any(True for _ in rows(table)):
                    raise ValueError("lamina writes none")
        except (ValueError, TypeError, LookupError, RecursionError) as error:  # of SQLAlchemy too
            raise StrangeError(f"its table {table} is not lamina's: {error}") from None
