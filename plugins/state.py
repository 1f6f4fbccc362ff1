"""The connection `sync_state` becomes the store; `python -m plugins.state upgrade` makes its tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError, SyncError
from include.state import Shop, StateStore, open_state_store, upgrade
from plugins.executor import require_one_machine
from plugins.hooks.airflow_connections import STORE, store_connection
from plugins.hooks.connection_fields import extra, required, text
from plugins.hooks.log_masks import mask

if TYPE_CHECKING:
    from airflow.sdk import Connection

_OURS = ("hash_key",)
LIBPQ = (
    *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "sslcertmode"),
    *("sslsni", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding"),
    *("require_auth", "gssencmode", "krbsrvname", "gsslib", "requirepeer", "passfile", "hostaddr"),
    *("connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle", "keepalives_interval"),
    *("keepalives_count", "options", "application_name", "fallback_application_name", "client_encoding"),
    *("target_session_attrs", "load_balance_hosts"),
)
"""What PostgresHook hands to libpq from the extra (provider 7.1.1; PostgreSQL 17, 34.1.2 Parameter Key Words;
read 2026-11-28). What it keeps for itself (`iam`, `cursor`, `sqlalchemy_scheme` …) is refused by name.
"""


def open_state(accounts: Shop) -> StateStore:
    """The store of one shop; ConfigurationError where the connection or its tables are wrong."""
    connection = store_connection()
    if connection.conn_type == "sqlite":
        require_one_machine("the store", f"give the connection {STORE} a PostgreSQL database")
    hash_key = required(connection, "hash_key", "a long random secret in the extra, and keep it")
    mask([hash_key])
    return open_state_store(database_url(connection), hash_key, accounts)


def database_url(connection: Connection) -> str:
    """`sqlite` with a file's path as host, or `postgres` with its usual fields → a SQLAlchemy URL."""
    if connection.conn_type == "sqlite":
        return _sqlite_url(connection)
    if connection.conn_type in {"postgres", "postgresql"}:
        return _postgres_url(connection)
    raise ConfigurationError(
        f"Connection {STORE} is of type {connection.conn_type!r:.30}: make it sqlite or postgres"
    )


def _sqlite_url(connection: Connection) -> str:
    extra(connection, _OURS)
    for name in ("schema", "login", "password", "port"):
        if text(connection, name) not in {"", "0"}:
            raise ConfigurationError(
                f"Connection {STORE}: {name} has no effect with sqlite. Leave it empty (Admin > Connections)"
            )
    return f"sqlite:///{required(connection, 'host', 'the path of a file')}"


def _postgres_url(connection: Connection) -> str:
    import sqlalchemy as sa  # noqa: PLC0415 - only here

    host = required(connection, "host", "the name of the database server")
    options = {name: _for_libpq(name, value) for name, value in extra(connection, (*_OURS, *LIBPQ)).items()}
    query: dict[str, str | tuple[str, ...]] = {name: options[name] for name in LIBPQ if name in options}
    port = int(text(connection, "port") or 0)
    if "," in host or host.startswith("/"):  # several servers, or the folder of a socket: no host of a URL
        query |= (
            {"host": host, "port": ",".join([str(port)] * len(host.split(",")))} if port else {"host": host}
        )
    if secret := options.get("sslpassword"):
        mask([secret])
    url = sa.URL.create(
        "postgresql+psycopg2",
        username=text(connection, "login") or None,
        password=text(connection, "password") or None,
        host=None if "host" in query else host,
        port=None if "host" in query else port or None,
        database=text(connection, "schema") or STORE,
        query=query,
    )
    return url.render_as_string(hide_password=False)


def _for_libpq(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ConfigurationError(f"Connection {STORE}: the extra {name} is not right; allowed is a text")
    return str(int(value)) if isinstance(value, bool) else str(value)


def main(arguments: list[str]) -> int:
    """`upgrade`: create or upgrade the tables of the store. Returns the exit code."""
    if arguments != ["upgrade"]:
        print("usage: python -m plugins.state upgrade", file=sys.stderr)
        return 2
    try:
        revision = upgrade(database_url(store_connection()))
    except SyncError as error:
        print(f"sync_state: {error}", file=sys.stderr)
        return 1
    print(f"sync_state: the tables are at revision {revision}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
