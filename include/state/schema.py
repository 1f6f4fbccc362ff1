"""The schema of the state store: upgrade its tables, or name the command that does."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

from include.disk import disk
from include.errors import ConfigurationError, TemporaryError
from include.state.database import (
    NO_TRANSACTION,
    WRITE,
    create_folder,
    engine_for,
    parse_url,
    transaction,
)
from include.state.failures import BUSY_SECONDS
from include.state.tables import SCHEMA

UPGRADE = "python -m plugins.state upgrade"
VERSION_TABLE = "sync_schema_version"
"""Not Alembic's default name: Airflow uses that one, and may share the database."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x53594E43  # "SYNC": any number, the same for all upgrades


def upgrade(url: str) -> str:
    """Create or upgrade the tables and keep their rows; returns the schema's revision.

    It is safe to repeat, and to run on several machines at once: they wait for each other.
    """
    address = parse_url(url)
    create_folder(address)
    engine = engine_for(address, foreign_keys=False)
    try:
        _prefer_write_ahead(engine)
        with transaction(engine, WRITE) as connection:
            _migrate(connection)
            _require_no_orphans(connection)
    finally:
        engine.dispose()
    return SCHEMA


def _require_no_orphans(connection: sa.Connection) -> None:
    """Check SQLite's foreign keys. They are off, because a migration replaces a table that others refer to
    (sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes"; read 2026-11-29).
    """
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise ConfigurationError("sync_state: rows of its tables belong to no shop: restore a backup")


def require_file(address: sa.URL) -> None:
    """Raise `ConfigurationError` if the SQLite file is missing: a connection would create an empty one."""
    if address.get_backend_name() != "sqlite":
        return
    with disk(f"the file of the state store, {address.database}"):
        is_there = Path(str(address.database)).is_file()
    if not is_there:
        raise ConfigurationError(f"sync_state: {address.database} does not exist yet; run: {UPGRADE}")


def require_current(connection: sa.Connection) -> None:
    """Raise `ConfigurationError` with the command to run if the tables are not those of this program."""
    found = _revision(connection)
    if found is None:
        raise ConfigurationError(f"sync_state: its tables do not exist yet; run: {UPGRADE}")
    if found < SCHEMA:
        raise ConfigurationError(
            f"sync_state: its tables are older ({found}) than this program ({SCHEMA}); run: {UPGRADE}"
        )
    _refuse_newer(found)


def _refuse_newer(found: str) -> None:
    if found > SCHEMA:
        raise ConfigurationError(
            f"sync_state: its tables are newer ({found}) than this program ({SCHEMA}); "
            f"install the version that upgraded them (its command was: {UPGRADE})"
        )


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    return connection.execute(sa.select(version.c.version_num)).scalar()


@retry(
    retry=retry_if_exception_type(TemporaryError),
    stop=stop_after_delay(BUSY_SECONDS),
    wait=wait_random(0.05, 0.2),
    reraise=True,
)
def _prefer_write_ahead(engine: sa.Engine) -> None:
    """Set WAL mode, in which readers and a writer do not wait for each other; the file keeps the mode.

    SQLite keeps its old mode if the file system does not support WAL. Unlike other statements, this one fails
    at once if another process has locked the file; so it is retried.
    """
    if engine.dialect.name == "sqlite":
        with transaction(engine, NO_TRANSACTION) as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _migrate(connection: sa.Connection) -> None:
    # Alembic is slow to import, and only an upgrade needs it
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    found = _revision(connection)
    if found is not None:
        _refuse_newer(found)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA)
