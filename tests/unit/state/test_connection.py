"""The connection `sync_state`: each field reaches the database, or an error names it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy as sa
from airflow.sdk import Connection

from include.errors import ConfigurationError, TemporaryError
from include.state import open_state_store, upgrade
from include.state.database import READ, engine_for, parse_url, transaction
from plugins.hooks.state_store import LIBPQ, database_url
from tests.unit.state.conftest import HASH_KEY, SHOP


def connection(conn_type: str = "postgres", extra: dict[str, Any] | None = None, **fields: Any) -> Connection:
    given = json.dumps({"hash_key": HASH_KEY} | (extra or {}))
    return Connection(conn_id="sync_state", conn_type=conn_type, extra=given, **fields)


def connection_to(engine: sa.Engine, extra: dict[str, Any] | None = None, **changes: Any) -> Connection:
    """A connection to the database of the tests."""
    url = engine.url
    fields = {
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
    }
    return connection("postgres", extra, **fields | changes)


def query(given: Connection, question: str) -> Any:
    engine = engine_for(parse_url(database_url(given)))
    try:
        with transaction(engine, READ) as opened:
            return opened.execute(sa.text(question)).scalar()
    finally:
        engine.dispose()


def test_extras__are_parameters_that_libpq_knows() -> None:
    for name in LIBPQ:
        psycopg2.extensions.parse_dsn(f"{name}=1")


@pytest.mark.parametrize(
    "extra",
    [
        {"iam": True},
        {"cursor": "dictcursor"},
        {"sqlalchemy_scheme": "postgresql+asyncpg"},
        {"aws_conn_id": "aws"},
        {"ssl_mode": "require"},
        {"sslMode": "require"},
        {"hash_keys": "hunter2"},
        {"service": "mine"},
    ],
)
def test_extra__an_unknown_one_is_refused_by_name(extra: dict[str, Any]) -> None:
    (name,) = extra
    with pytest.raises(
        ConfigurationError, match=f"sync_state: the extra {name} has no effect .* sslmode"
    ) as caught:
        database_url(connection(host="db", extra=extra))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "fields", [{"login": "me"}, {"password": "hunter2"}, {"schema": "x"}, {"port": 5432}]
)
def test_sqlite__refuses_fields_without_effect(fields: dict[str, Any]) -> None:
    (name,) = fields
    with pytest.raises(
        ConfigurationError, match=f"sync_state: {name.capitalize()} has no effect with sqlite"
    ):
        database_url(connection("sqlite", host="/a/file.db", **fields))


def test_sqlite__refuses_extras_of_postgresql() -> None:
    with pytest.raises(ConfigurationError, match="the extra sslmode has no effect"):
        database_url(connection("sqlite", extra={"sslmode": "require"}, host="/a/file.db"))
    assert database_url(connection("sqlite", host="/a/file.db", port=0)) == "sqlite:////a/file.db"


def test_values__are_texts_for_libpq() -> None:
    given = connection(host="db", extra={"keepalives": True, "keepalives_idle": 30, "sslmode": "verify-full"})
    assert parse_url(database_url(given)).query == {
        "keepalives": "1",
        "keepalives_idle": "30",
        "sslmode": "verify-full",
    }
    with pytest.raises(ConfigurationError, match="the extra options is wrong"):
        database_url(connection(host="db", extra={"options": {"a": 1}}))


@pytest.mark.parametrize(
    ("host", "port", "arguments"),
    [
        ("db", 5433, {"host": "db", "port": 5433}),
        ("::1", 5433, {"host": "::1", "port": 5433}),
        ("db1,db2", 5433, {"host": "db1,db2", "port": "5433,5433"}),
        ("/var/run/postgresql", 5433, {"host": "/var/run/postgresql", "port": "5433"}),
    ],
)
def test_host__may_be_several_or_a_socket(host: str, port: int, arguments: dict[str, Any]) -> None:
    url = parse_url(
        database_url(connection(host=host, port=port, login="me", password="p@ss:/?", schema="db"))
    )
    _, given = sa.create_engine(url).dialect.create_connect_args(url)
    assert {name: given[name] for name in ("host", "port")} == arguments
    assert (given["user"], given["password"], given["dbname"]) == ("me", "p@ss:/?", "db")


def test_extras__reach_the_server(postgres: sa.Engine) -> None:
    extra = {
        "application_name": "sync's state",
        "options": "-csearch_path=elsewhere -cstatement_timeout=12345",
        "sslmode": "disable",
        "connect_timeout": 3,
        "keepalives": 1,
    }
    given = connection_to(postgres, extra)
    assert query(given, "SHOW application_name") == "sync's state"
    assert query(given, "SHOW search_path") == "elsewhere"
    assert query(given, "SHOW statement_timeout") == "12345ms"


def test_tables__are_in_the_schema_of_the_options(postgres: sa.Engine) -> None:
    with postgres.begin() as opened:
        opened.execute(sa.text("CREATE SCHEMA sync_test_extras"))
    try:
        url = database_url(connection_to(postgres, {"options": "-csearch_path=sync_test_extras"}))
        upgrade(url)
        open_state_store(url, HASH_KEY, SHOP).close()
        with postgres.begin() as opened:
            tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'sync_test_extras'"
            assert opened.execute(sa.text(tables)).scalar() > 5
    finally:
        with postgres.begin() as opened:
            opened.execute(sa.text("DROP SCHEMA sync_test_extras CASCADE"))


def test_tls__without_support_of_the_server_fails_at_once(postgres: sa.Engine) -> None:
    if query(connection_to(postgres), "SHOW ssl") == "on":
        pytest.skip("this server supports TLS")
    with pytest.raises(ConfigurationError, match="server does not support SSL, but SSL was required"):
        query(connection_to(postgres, {"sslmode": "require"}), "SELECT 1")


@pytest.mark.parametrize(
    ("changes", "extra", "says"),
    [
        ({"schema": "no_such_database"}, {}, 'database "no_such_database" does not exist'),
        ({"login": "no_such_role"}, {}, 'role "no_such_role" does not exist|authentication failed'),
        ({}, {"sslmode": "sometimes"}, 'invalid sslmode value: "sometimes"'),
        ({}, {"connect_timeout": "soon"}, 'invalid integer value "soon"'),
        ({}, {"options": "-cno_such_parameter=1"}, "unrecognized configuration parameter"),
        ({}, {"sslmode": "verify-full", "sslrootcert": "/no/ca.pem"}, "/no/ca.pem|does not support SSL"),
    ],
)
def test_connection__a_wrong_setting_fails_at_once(
    postgres: sa.Engine, changes: dict[str, Any], extra: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        query(connection_to(postgres, extra, password="hunter2", **changes), "SELECT 1")
    assert "Correct the connection sync_state" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_server__an_unreachable_one_is_a_temporary_error() -> None:
    with pytest.raises(TemporaryError, match=r"unreachable or busy \(.*refused"):
        query(connection(host="127.0.0.1", port=1), "SELECT 1")


def test_socket__may_be_the_host(postgres: sa.Engine) -> None:
    folder = "/var/run/postgresql"
    socket = Path(folder) / f".s.PGSQL.{postgres.url.port or 5432}"
    if not (socket.exists() and stat.S_ISSOCK(socket.stat().st_mode)):
        pytest.skip(f"no socket in {folder}")
    with pytest.raises((ConfigurationError, TemporaryError)) as caught:
        query(connection_to(postgres, host=folder, login="no_such_role"), "SELECT 1")
    assert "socket" in str(caught.value), "the socket was tried"
