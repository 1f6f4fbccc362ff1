"""The meaning of a database failure: one sentence for the operator, and whether a retry can help."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from include.errors import ConfigurationError, ContractError, InfrastructureError, SyncError

BUSY_SECONDS = 30
"""How long SQLite waits for another writer before it fails."""

_RETRIED = "the task is retried"
_RESTORE = (
    "Stop the DAGs, restore the file or database from a backup, and clear the run "
    "(docs/runbook/machine-faults.md)"
)


class _Meaning(NamedTuple):
    kind: type[SyncError]
    what: str
    action: str


_LOCKED = _Meaning(
    InfrastructureError,
    f"is busy: another process has locked it for more than {BUSY_SECONDS} seconds",
    f"Look for a program that keeps the file open; {_RETRIED}",
)
_NO_RIGHT = _Meaning(
    ConfigurationError,
    "cannot be opened or written by the user of this process",
    "Make the file and its folder writable for that user, and clear the task",
)
_FULL = _Meaning(InfrastructureError, "has no space left on its disk", f"Free space on that disk; {_RETRIED}")
_DISK = _Meaning(
    InfrastructureError, "cannot be read or written: its disk failed", f"Check that disk; {_RETRIED}"
)
_DAMAGED = _Meaning(ConfigurationError, "is damaged, or is not a database", _RESTORE)
_AWAY = _Meaning(
    InfrastructureError,
    "is unreachable or busy: the connection was lost or the server is starting",
    f"Check that the database is up; {_RETRIED}",
)
_ONLY_READS = _Meaning(
    InfrastructureError,
    "accepts no writes: the server is a standby or is read-only",
    f"Connect to the primary (target_session_attrs in the extra); {_RETRIED}",
)
_NO_GRANT = _Meaning(
    ConfigurationError,
    "refuses the user of the connection a permission",
    "Grant that user all rights on the tables of the state store, and clear the task",
)
_NO_TABLE = _Meaning(
    ConfigurationError,
    "lacks a table or column that this program needs",
    f"Some tables or columns were removed. {_RESTORE}",
)

_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_PERM: _NO_RIGHT,
    sqlite3.SQLITE_READONLY: _NO_RIGHT,
    sqlite3.SQLITE_CANTOPEN: _NO_RIGHT,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,
}
"""By result code, primary or extended (sqlite.org/rescode.html, read 2026-11-28). In WAL mode a full disk
first stops the growth of the index file beside the database: SQLITE_IOERR_SHMSIZE (tried 2026-11-28).
"""

_OF_POSTGRESQL = {
    "53100": _FULL,
    "58030": _DISK,
    "25006": _ONLY_READS,
    "42501": _NO_GRANT,
    "42P01": _NO_TABLE,
    "42703": _NO_TABLE,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE (PostgreSQL 17, Appendix A; read 2026-11-28)."""

_WRONG_CONNECTION = re.compile(
    r"does not support SSL|certificate|private key file|no pg_hba\.conf entry|authentication failed"
    r"|no password supplied|(role|database) \".*\" does not exist|invalid .*(value|option|parameter)"
    r"|unrecognized configuration parameter|could not translate host name .* (not known|associated)"
)
"""Messages of libpq and the server about connections that also fail in an hour (tried 2026-11-28 with
PostgreSQL 15). psycopg2 gives no code before the connection exists.
"""


def to_sync_error(error: SQLAlchemyError | sqlite3.Error, address: sa.URL) -> SyncError:
    """The error to raise instead. It names the database without its password, and quotes no SQL statement."""
    where = address.set(query={}).render_as_string(hide_password=True)
    if refused := _refused_connection(error, where):
        return refused
    if meaning := _meaning(error):
        return meaning.kind(f"sync_state: {where} {meaning.what}. {meaning.action}")
    return ContractError(
        f"sync_state: {where} refused a statement ({_code(error)}). Report this with the task's log"
    )


def damage_error(address: sa.URL) -> SyncError:
    """The error for a file that fails SQLite's own check."""
    where = address.set(query={}).render_as_string(hide_password=True)
    return _DAMAGED.kind(f"sync_state: {where} {_DAMAGED.what}. {_DAMAGED.action}")


def _refused_connection(error: Exception, where: str) -> SyncError | None:
    """The error of a failed connection to PostgreSQL, which only libpq's message explains."""
    if not isinstance(error, OperationalError) or error.statement is not None:
        return None
    if _sqlite_code(error) or getattr(error.orig, "pgcode", None):
        return None
    message = " ".join(str(error.orig).split())
    if _WRONG_CONNECTION.search(message):
        return ConfigurationError(
            f"sync_state: {where} refuses the connection: {message:.300}. Correct the connection sync_state"
        )
    return InfrastructureError(
        f"sync_state: {where} is unreachable or busy ({message:.300}). "
        f"Check the connection sync_state, and that the database is up; {_RETRIED}"
    )


def _meaning(error: Exception) -> _Meaning | None:
    if code := _sqlite_code(error):
        if str(getattr(error, "orig", error)).startswith(("no such table", "no such column")):
            return _NO_TABLE
        return _OF_SQLITE.get(code) or _OF_SQLITE.get(code & 0xFF)
    state = getattr(getattr(error, "orig", None), "pgcode", None)
    if known := _OF_POSTGRESQL.get(str(state)):
        return known
    is_away = isinstance(error, (OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError))
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return _AWAY if is_away or lost else None


def _sqlite_code(error: Exception) -> int:
    """SQLite's result code; 0 if the error is not SQLite's."""
    return int(getattr(getattr(error, "orig", error), "sqlite_errorcode", None) or 0)


def _code(error: Exception) -> str:
    original = getattr(error, "orig", error)
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "pgcode", None)
    return f"{type(original).__name__}, {code}" if code else type(original).__name__
