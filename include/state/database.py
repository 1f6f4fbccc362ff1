"""One way to talk to SQLite and to PostgreSQL: the engine, short transactions, upserts, errors."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from include.errors import ConfigurationError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.state.people import People

BUSY_SECONDS = 30
"""How long SQLite waits for another writer before it gives up."""
CONNECT_SECONDS = 10
"""How long PostgreSQL may take to answer the door."""

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
def transaction(engine: sa.Engine, begin: str) -> Iterator[sa.Connection]:
    """A transaction; `TemporaryError` when the database is out of reach, or locked for too long.

    `ConfigurationError` where the server, or the driver before it, refuses what the connection says.
    """
    try:
        with engine.execution_options(**{_BEGIN: begin}).begin() as connection:
            yield connection
    except OperationalError as error:
        raise _meaning(error, engine.url) from error


_FOR_A_PERSON = re.compile(
    r"does not support SSL|certificate|private key file|no pg_hba\.conf entry|authentication failed"
    r"|no password supplied|(role|database) \".*\" does not exist|invalid .*(value|option|parameter)"
    r"|unrecognized configuration parameter|could not translate host name .* (not known|associated)"
)
"""What libpq and the server say of a connection that will not do either in an hour (tried 2026-11-28 with
PostgreSQL 15). There are no codes for it: psycopg2 has none before there is a connection.
"""


def _meaning(error: OperationalError, address: sa.URL) -> ConfigurationError | TemporaryError:
    where = address.set(query={}).render_as_string(hide_password=True)
    if error.statement is not None:
        return TemporaryError(f"sync_state: {where} is out of reach or busy; is the database up?")
    said = " ".join(str(error.orig).split())
    if _FOR_A_PERSON.search(said):
        return ConfigurationError(
            f"sync_state: {where} refuses the connection: {said:.300}. Correct the connection sync_state"
        )
    return TemporaryError(
        f"sync_state: {where} is out of reach or busy ({said:.300}); "
        "is the connection right, is the database up?"
    )


@dataclass(frozen=True)
class Database:
    """What every part of the store works with: the engine, whose rows, and the time."""

    engine: sa.Engine
    shop_id: int
    clock: Callable[[], datetime] = utc_now

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with transaction(self.engine, READ) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes, committed at the end of the block."""
        with transaction(self.engine, WRITE) as connection:
            yield connection

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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"sync_state: {folder} cannot be made ({error.strerror})") from error
