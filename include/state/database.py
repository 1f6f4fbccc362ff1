"""One way to talk to SQLite and to PostgreSQL: the engine, short transactions, upserts, errors."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError, StatementError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from include.disk import disk
from include.errors import ConfigurationError, TemporaryError
from include.state.failures import BUSY_SECONDS, damaged, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.state.people import People

CONNECT_SECONDS = 10
"""How long PostgreSQL may take to answer the door."""
RECONNECT_SECONDS = BUSY_SECONDS
"""How long an open store waits for a PostgreSQL that restarts, before the task fails and is retried."""

READ, WRITE, NO_TRANSACTION = "BEGIN", "BEGIN IMMEDIATE", ""
"""How SQLite begins (PostgreSQL begins in one way). A transaction that writes begins IMMEDIATE: one that
reads first and writes then would otherwise fail at once, without waiting, when another process wrote
in between."""

_BEGIN = "sync_begin"


def utc_now() -> datetime:
    return datetime.now(UTC)


def parsed(url: str) -> sa.URL:
    """The store's address as SQLAlchemy's; PostgreSQL always by psycopg2. Raises `ConfigurationError`."""
    try:
        address = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "sync_state: not a database URL; allowed are sqlite:////path/to/file and "
            "postgresql://user@host/database"
        ) from None
    if address.get_backend_name() == "postgresql":
        return address.set(drivername="postgresql+psycopg2")
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        return address
    raise ConfigurationError(
        f"sync_state: cannot be {address.get_backend_name()}; "
        f"allowed are sqlite:////path/to/file and postgresql://user@host/database"
    )


def engine_for(address: sa.URL) -> sa.Engine:
    """An engine with short waits and no parameters in its error messages."""
    try:
        if address.get_backend_name() == "sqlite":
            return _sqlite_engine(address)
        return sa.create_engine(
            address,
            hide_parameters=True,
            pool_pre_ping=True,
            # they would replace what the address says
            connect_args={} if "connect_timeout" in address.query else {"connect_timeout": CONNECT_SECONDS},
            executemany_mode="values_plus_batch",  # rows with ON CONFLICT twice as fast
        )
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(f"sync_state: no driver for {address.drivername}: {error}") from error


def _sqlite_engine(address: sa.URL) -> sa.Engine:
    """Python's sqlite3 would begin transactions late and by itself: here they begin when we say so."""
    engine = sa.create_engine(address, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if statement := connection.get_execution_options().get(_BEGIN, READ):
            connection.exec_driver_sql(statement)

    return engine


@contextmanager
def transaction(engine: sa.Engine, begin: str, *, patience_seconds: float = 0) -> Iterator[sa.Connection]:
    """A transaction. Every failure of the database is a SyncError whose class says whether a retry can help.

    A connection that cannot be had is tried again for `patience_seconds`: nothing has been done by then.
    """
    try:
        with _connected(engine, begin, patience_seconds) as connection, connection.begin():
            yield connection
    except (SQLAlchemyError, sqlite3.Error) as error:
        if (bug := _value_refused(error)) is not None:
            raise bug from None
        raise failure(error, engine.url) from error
    except ValueError as error:  # damage may leave a value of a row unreadable
        if _is_damaged(engine):
            raise damaged(engine.url) from error
        raise


def _connected(engine: sa.Engine, begin: str, patience_seconds: float) -> sa.Connection:
    retrying = Retrying(
        retry=retry_if_exception(lambda error: _may_come_back(error, engine)),
        stop=stop_after_delay(patience_seconds),
        wait=wait_random(0.2, 1.0),
        reraise=True,
    )
    return retrying(engine.connect).execution_options(**{_BEGIN: begin})


def _value_refused(error: Exception) -> BaseException | None:
    """The error of a value that is refused before the database sees the statement: a bug of the caller."""
    if not isinstance(error, StatementError) or isinstance(error, DBAPIError):
        return None
    return error.orig


def _may_come_back(error: BaseException, engine: sa.Engine) -> bool:
    return isinstance(error, SQLAlchemyError) and isinstance(failure(error, engine.url), TemporaryError)


def _is_damaged(engine: sa.Engine) -> bool:
    """Whether SQLite finds fault with the pages of its file."""
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        try:
            return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok"
        except SQLAlchemyError:
            return True


@dataclass(frozen=True)
class Database:
    """What every part of the store works with: the engine, whose rows, and the time."""

    engine: sa.Engine
    shop_id: int
    clock: Callable[[], datetime] = utc_now

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with transaction(self.engine, READ, patience_seconds=RECONNECT_SECONDS) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes, committed at the end of the block."""
        with transaction(self.engine, WRITE, patience_seconds=RECONNECT_SECONDS) as connection:
            yield connection

    def now(self, connection: sa.Connection) -> datetime:
        """What several machines agree on: PostgreSQL's clock; for SQLite, which one machine uses, its own."""
        if self.engine.dialect.name == "sqlite":
            return self.clock()
        return cast("datetime", connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one())

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that knows ON CONFLICT, which both databases spell alike."""
        return insert_into(self.engine, table)


class Part:
    """One subject of the store: a handful of calls, each a transaction of its own."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people


def insert_into(engine: sa.Engine, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if engine.dialect.name == "sqlite" else postgresql.insert(table)


def make_room(address: sa.URL) -> None:
    """Create the folder of a SQLite file; `ConfigurationError` where that is not allowed."""
    if address.get_backend_name() != "sqlite":
        return
    folder = Path(str(address.database)).parent
    with disk(f"the folder of the state store, {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
