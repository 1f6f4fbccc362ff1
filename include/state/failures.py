"""What a failure of the database means: one sentence for the operator, and whether a retry can help."""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from include.errors import ConfigurationError, ContractError, InfrastructureError, SyncError

BUSY_SECONDS = 30
"""How long SQLite waits for another writer before it gives up."""

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
    "cannot be opened or written to by the user who runs this process",
    "Make the file and its folder writable for that user, and clear the task",
)
_FULL = _Meaning(InfrastructureError, "has no space left on its disk", f"Free space on that disk; {_RETRIED}")
_DISK = _Meaning(
    InfrastructureError, "cannot be read or written: its disk failed", f"Check that disk; {_RETRIED}"
)
_DAMAGED = _Meaning(ConfigurationError, "is damaged, or is not a database", _RESTORE)
_AWAY = _Meaning(
    InfrastructureError,
    "is out of reach or busy: the connection was lost or the server is starting",
    f"Check that the database is up; {_RETRIED}",
)
_ONLY_READS = _Meaning(
    InfrastructureError,
    "accepts no writes: the server is a standby or read-only",
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
    f"A part of the tables was removed. {_RESTORE}",
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
shows first where the index file beside the database cannot grow: SQLITE_IOERR_SHMSIZE (tried 2026-11-28).
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

_FOR_A_PERSON = re.compile(
    r"does not support SSL|certificate|private key file|no pg_hba\.conf entry|authentication failed"
    r"|no password supplied|(role|database) \".*\" does not exist|invalid .*(value|option|parameter)"
    r"|unrecognized configuration parameter|could not translate host name .* (not known|associated)"
)
"""What libpq and the server say of a connection that will not do either in an hour (tried 2026-11-28 with
PostgreSQL 15). There are no codes for it: psycopg2 has none before there is a connection.
"""


def failure(error: SQLAlchemyError | sqlite3.Error, address: sa.URL) -> SyncError:
    """The error to raise instead. It names the database without its password, and quotes no statement."""
    where = address.set(query={}).render_as_string(hide_password=True)
    if refused := _refused_connection(error, where):
        return refused
    if meaning := _meaning(error):
        return meaning.kind(f"sync_state: {where} {meaning.what}. {meaning.action}")
    return ContractError(
        f"sync_state: {where} refused a statement ({_code(error)}). Report this with the log of the task"
    )


def damaged(address: sa.URL) -> SyncError:
    """For a file of which SQLite itself finds that its pages do not fit together."""
    where = address.set(query={}).render_as_string(hide_password=True)
    return _DAMAGED.kind(f"sync_state: {where} {_DAMAGED.what}. {_DAMAGED.action}")


def _refused_connection(error: Exception, where: str) -> SyncError | None:
    """Before there is a connection to PostgreSQL, the reason is known by libpq's words only."""
    if not isinstance(error, OperationalError) or error.statement is not None:
        return None
    if _sqlite_code(error) or getattr(error.orig, "pgcode", None):
        return None
    said = " ".join(str(error.orig).split())
    if _FOR_A_PERSON.search(said):
        return ConfigurationError(
            f"sync_state: {where} refuses the connection: {said:.300}. Correct the connection sync_state"
        )
    return InfrastructureError(
        f"sync_state: {where} is out of reach or busy ({said:.300}). "
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
    """SQLite's result code; 0 where the error is not SQLite's."""
    return int(getattr(getattr(error, "orig", error), "sqlite_errorcode", None) or 0)


def _code(error: Exception) -> str:
    found = getattr(error, "orig", error)
    code = getattr(found, "sqlite_errorname", None) or getattr(found, "pgcode", None)
    return f"{type(found).__name__}, {code}" if code else type(found).__name__
