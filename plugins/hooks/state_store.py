"""Opens the state store by the connection `sync_state`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError
from include.state import ReadStoreId, Shop, StateStore, open_state_store
from plugins.executor import require_one_machine
from plugins.hooks.airflow_connections import STATE, state_connection
from plugins.hooks.connection_fields import extra, field_error, require, text
from plugins.hooks.log_masks import mask

if TYPE_CHECKING:
    from airflow.sdk import Connection

_OWN_EXTRAS = ("hash_key",)
LIBPQ = (
    *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "sslcertmode"),
    *("sslsni", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding"),
    *("require_auth", "gssencmode", "krbsrvname", "gsslib", "requirepeer", "passfile", "hostaddr"),
    *("connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle", "keepalives_interval"),
    *("keepalives_count", "options", "application_name", "fallback_application_name", "client_encoding"),
    *("target_session_attrs", "load_balance_hosts"),
)
"""The extras that PostgresHook passes to libpq (provider 7.1.1; PostgreSQL 17, 34.1.2 Parameter Key Words;
read 2026-11-28). Extras that the hook itself uses (`iam`, `cursor`, `sqlalchemy_scheme` …) are refused by
name.
"""


def open_state(
    shop: Shop,
    *,
    read_store_id: ReadStoreId | None = None,
    any_account: bool = False,
    patient: bool = True,
) -> StateStore:
    """Open the state store of a shop; ConfigurationError if the connection or the tables are wrong.

    Whatever writes to Connectif passes `read_store_id`, which asks it when the shop has a new key; see
    `include/state/identity.py`, also for `any_account`. See `open_state_store` for `patient`.
    """
    connection = state_connection()
    if connection.conn_type == "sqlite":
        require_one_machine("the state store", f"give the connection {STATE} a PostgreSQL database")
    hash_key = require(connection, "hash_key", "a long random secret, and keep it")
    mask([hash_key])
    return open_state_store(
        database_url(connection),
        hash_key,
        shop,
        read_store_id=read_store_id,
        any_account=any_account,
        patient=patient,
    )


def database_url(connection: Connection) -> str:
    """A SQLAlchemy URL: `sqlite` needs a file's path as host, `postgres` its usual fields."""
    if connection.conn_type == "sqlite":
        return _sqlite_url(connection)
    if connection.conn_type in {"postgres", "postgresql"}:
        return _postgres_url(connection)
    raise ConfigurationError(
        f"Connection {STATE} is of type {connection.conn_type!r:.30}: make it sqlite or postgres"
    )


def _sqlite_url(connection: Connection) -> str:
    extra(connection, _OWN_EXTRAS)
    for name in ("schema", "login", "password", "port"):
        if text(connection, name) not in {"", "0"}:
            raise field_error(connection, name, "has no effect with sqlite. Leave it empty")
    return f"sqlite:///{require(connection, 'host', 'the path of a file')}"


def _postgres_url(connection: Connection) -> str:
    import sqlalchemy as sa  # noqa: PLC0415 - only here

    host = require(connection, "host", "the name of the database server")
    extras = extra(connection, (*_OWN_EXTRAS, *LIBPQ))
    options = {name: _libpq_value(name, value) for name, value in extras.items()}
    query: dict[str, str | tuple[str, ...]] = {name: options[name] for name in LIBPQ if name in options}
    port = int(text(connection, "port") or 0)
    if "," in host or host.startswith("/"):  # a URL cannot hold several servers or the folder of a socket
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
        database=text(connection, "schema") or STATE,
        query=query,
    )
    return url.render_as_string(hide_password=False)


def _libpq_value(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ConfigurationError(f"Connection {STATE}: the extra {name} is wrong; use a text")
    return str(int(value)) if isinstance(value, bool) else str(value)
