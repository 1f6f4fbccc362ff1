"""One interface to SQLite and PostgreSQL: the engine, short transactions, upserts, errors."""

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
from include.state.failures import BUSY_SECONDS, damage_error, to_sync_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.state.people import People

CONNECT_SECONDS = 10
"""How long PostgreSQL may take to accept a connection."""
IMPATIENT_SECONDS = 3
"""How long each connection, and each statement, may take if a caller waits for the answer."""
RECONNECT_SECONDS = BUSY_SECONDS
"""How long an open state store waits for a restart of PostgreSQL before the task fails and is retried."""

READ, WRITE, NO_TRANSACTION = "BEGIN", "BEGIN IMMEDIATE", ""
"""How SQLite begins a transaction (PostgreSQL has one way). A writing transaction begins IMMEDIATE: otherwise
a transaction that reads and then writes fails at once if another process wrote in between."""

_BEGIN = "sync_begin"


def utc_now() -> datetime:
    return datetime.now(UTC)


def parse_url(url: str) -> sa.URL:
    """The SQLAlchemy URL of the state store; PostgreSQL always uses psycopg2. Raises `ConfigurationError`."""
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


_CONNECT_ARGS = {"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8"}
"""Without the encoding, a database of encoding SQL_ASCII refuses texts such as `Boleto Bancário`."""


def engine_for(address: sa.URL, *, foreign_keys: bool = True, patient: bool = True) -> sa.Engine:
    """An engine with short waits and no parameters in its error messages.

    Without `foreign_keys`, SQLite does not check them; PostgreSQL always does. Without `patient`, the waits
    are `IMPATIENT_SECONDS`.
    """
    try:
        if address.get_backend_name() == "sqlite":
            wait = BUSY_SECONDS if patient else IMPATIENT_SECONDS
            return _sqlite_engine(address, foreign_keys=foreign_keys, busy_seconds=wait)
        engine = sa.create_engine(
            address,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args=_connect_args(address, patient=patient),
            executemany_mode="values_plus_batch",  # rows with ON CONFLICT twice as fast
        )
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(f"sync_state: no driver for {address.drivername}: {error}") from error
    if not patient:
        _limit_statements(engine)
    return engine


def _connect_args(address: sa.URL, *, patient: bool) -> dict[str, Any]:
    """Arguments of psycopg2. They would override the address."""
    given = {k: v for k, v in _CONNECT_ARGS.items() if k not in address.query}
    return given if patient else given | {"connect_timeout": IMPATIENT_SECONDS}


def _limit_statements(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _limit(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{IMPATIENT_SECONDS}s'")
        connection.commit()


def _sqlite_engine(address: sa.URL, *, foreign_keys: bool, busy_seconds: float) -> sa.Engine:
    """Python's sqlite3 begins transactions late and by itself; this engine begins them explicitly."""
    engine = sa.create_engine(address, hide_parameters=True, connect_args={"timeout": busy_seconds})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if statement := connection.get_execution_options().get(_BEGIN, READ):
            connection.exec_driver_sql(statement)

    return engine


@contextmanager
def transaction(engine: sa.Engine, begin: str, *, retry_seconds: float = 0) -> Iterator[sa.Connection]:
    """A transaction. A failure of the database raises a SyncError whose class says whether a retry can help.

    A failed connection is retried for `retry_seconds`; no statement has run before that.
    """
    try:
        with _connect(engine, begin, retry_seconds) as connection, connection.begin():
            yield connection
    except (SQLAlchemyError, sqlite3.Error) as error:
        if (bug := _refused_value(error)) is not None:
            raise bug from None
        raise to_sync_error(error, engine.url) from error
    except ValueError as error:  # a value of a damaged file may be unreadable
        if _is_damaged(engine):
            raise damage_error(engine.url) from error
        raise


def _connect(engine: sa.Engine, begin: str, retry_seconds: float) -> sa.Connection:
    retrying = Retrying(
        retry=retry_if_exception(lambda error: _is_temporary(error, engine)),
        stop=stop_after_delay(retry_seconds),
        wait=wait_random(0.2, 1.0),
        reraise=True,
    )
    return retrying(engine.connect).execution_options(**{_BEGIN: begin})


def _refused_value(error: Exception) -> BaseException | None:
    """The error of a value that SQLAlchemy refuses before it sends the statement: a bug of the caller."""
    if not isinstance(error, StatementError) or isinstance(error, DBAPIError):
        return None
    return error.orig


def _is_temporary(error: BaseException, engine: sa.Engine) -> bool:
    return isinstance(error, SQLAlchemyError) and isinstance(to_sync_error(error, engine.url), TemporaryError)


def _is_damaged(engine: sa.Engine) -> bool:
    """Whether SQLite's own check of its file fails."""
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        try:
            return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok"
        except SQLAlchemyError:
            return True


@dataclass(frozen=True)
class Database:
    """What every part of the state store uses: the engine, the shop of the rows, and the clock.

    `patient`: it waits for a restart of PostgreSQL.
    """

    engine: sa.Engine
    shop_id: int
    clock: Callable[[], datetime] = utc_now
    patient: bool = True

    @property
    def _retry_seconds(self) -> float:
        return RECONNECT_SECONDS if self.patient else 0

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with transaction(self.engine, READ, retry_seconds=self._retry_seconds) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes, committed at the end of the block."""
        with transaction(self.engine, WRITE, retry_seconds=self._retry_seconds) as connection:
            yield connection

    def now(self, connection: sa.Connection) -> datetime:
        """The time that all machines share: PostgreSQL's clock, or this machine's clock for SQLite."""
        if self.engine.dialect.name == "sqlite":
            return self.clock()
        return cast("datetime", connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one())

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT with ON CONFLICT, which both databases write in the same way."""
        return insert_into(self.engine, table)


class Part:
    """One subject of the state store: a few calls, each a transaction of its own."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people


def insert_into(engine: sa.Engine, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if engine.dialect.name == "sqlite" else postgresql.insert(table)


def create_folder(address: sa.URL) -> None:
    """Create the folder of a SQLite file; `ConfigurationError` if this is not allowed."""
    if address.get_backend_name() != "sqlite":
        return
    folder = Path(str(address.database)).parent
    with disk(f"the folder of the state store, {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
