"""The connection `sync_store` becomes the store; `python -m plugins.sync_store upgrade` makes its tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow.sdk.log import mask_secret

from include.errors import ConfigurationError, SyncError
from include.store import AccountPair, Store, open_store, upgrade
from plugins.airflow_connections import STORE, store_connection
from plugins.connection_fields import required, text
from plugins.executor import require_one_machine

if TYPE_CHECKING:
    from airflow.sdk import Connection


def open_sync_store(accounts: AccountPair) -> Store:
    """The store of one pair of accounts; ConfigurationError where the connection or its tables are wrong."""
    connection = store_connection()
    if connection.conn_type == "sqlite":
        require_one_machine("the store", f"give the connection {STORE} a PostgreSQL database")
    hash_key = required(connection, "hash_key", "a long random secret in the extra, and keep it")
    mask_secret(hash_key)
    return open_store(database_url(connection), hash_key, accounts)


def database_url(connection: Connection) -> str:
    """`sqlite` with a file's path as host, or `postgres` with its usual fields → a SQLAlchemy URL."""
    if connection.conn_type == "sqlite":
        return f"sqlite:///{required(connection, 'host', 'the path of a file')}"
    if connection.conn_type in {"postgres", "postgresql"}:
        import sqlalchemy as sa  # noqa: PLC0415 - only here

        url = sa.URL.create(
            "postgresql+psycopg2",
            username=text(connection, "login") or None,
            password=text(connection, "password") or None,
            host=required(connection, "host", "the name of the database server"),
            port=connection.port,
            database=text(connection, "schema") or STORE,
        )
        return url.render_as_string(hide_password=False)
    raise ConfigurationError(
        f"Connection {STORE} is of type {connection.conn_type!r:.30}: make it sqlite or postgres"
    )


def main(arguments: list[str]) -> int:
    """`upgrade`: create or upgrade the tables of the store. Returns the exit code."""
    if arguments != ["upgrade"]:
        print("usage: python -m plugins.sync_store upgrade", file=sys.stderr)
        return 2
    try:
        revision = upgrade(database_url(store_connection()))
    except SyncError as error:
        print(f"sync_store: {error}", file=sys.stderr)
        return 1
    print(f"sync_store: the tables are at revision {revision}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
