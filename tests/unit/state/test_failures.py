"""A database failure becomes one sentence: the database, what happened, what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.errors import ConfigurationError, ContractError, InfrastructureError, SyncError
from include.outcomes import PipelineName
from include.state import open_state_store, upgrade
from include.state.database import READ, WRITE, engine_for, parse_url, transaction
from include.state.failures import to_sync_error
from tests.unit.state.conftest import HASH_KEY, SHOP

ADDRESS = parse_url("postgresql://me:hunter2@db/shop")


class Refusal(Exception):
    """An error of psycopg2, with the attribute that the code reads."""

    def __init__(self, pgcode: str | None) -> None:
        super().__init__("words with a customer's address")
        self.pgcode = pgcode


def from_postgres(pgcode: str | None, kind: type[sa.exc.DBAPIError] = sa.exc.OperationalError) -> SyncError:
    return to_sync_error(kind("SELECT 1", {}, Refusal(pgcode)), ADDRESS)


@pytest.mark.parametrize(
    ("pgcode", "raised_as", "kind", "says"),
    [
        ("57P01", sa.exc.OperationalError, InfrastructureError, "Check that the database is up"),
        ("40P01", sa.exc.OperationalError, InfrastructureError, "the task is retried"),
        (None, sa.exc.InterfaceError, InfrastructureError, "the connection was lost"),
        ("53100", sa.exc.OperationalError, InfrastructureError, "Free space"),
        ("58030", sa.exc.OperationalError, InfrastructureError, "Check that disk"),
        ("25006", sa.exc.InternalError, InfrastructureError, "Connect to the primary"),
        ("42501", sa.exc.ProgrammingError, ConfigurationError, "Grant that user"),
        ("42P01", sa.exc.ProgrammingError, ConfigurationError, "from a backup"),
        ("XX001", sa.exc.InternalError, ConfigurationError, "from a backup"),
        ("23505", sa.exc.IntegrityError, ContractError, "refused a statement (Refusal, 23505)"),
    ],
)
def test_postgresql__maps_each_code_to_an_error(
    pgcode: str | None, raised_as: type[sa.exc.DBAPIError], kind: type[SyncError], says: str
) -> None:
    error = from_postgres(pgcode, raised_as)
    assert type(error) is kind
    assert says in str(error)
    assert "db/shop" in str(error)
    assert "hunter2" not in str(error)
    assert "customer" not in str(error)


def test_postgresql__maps_the_code_of_a_failed_commit() -> None:
    error = to_sync_error(sa.exc.OperationalError(None, None, Refusal("53100")), ADDRESS)
    assert "has no space left on its disk" in str(error)


def test_pool__an_exhausted_pool_is_retried() -> None:
    assert type(to_sync_error(sa.exc.TimeoutError("QueuePool limit"), ADDRESS)) is InfrastructureError


def store_file(folder: Path) -> Path:
    upgrade(f"sqlite:///{folder / 'state.db'}")
    return folder / "state.db"


@pytest.mark.parametrize("content", [b"no database at all" * 500, b"SQLite format 3\x00" + bytes(9000)])
def test_sqlite__a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes) -> None:
    file = store_file(tmp_path)
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"state\.db is damaged.*restore .* from a backup"):
        open_state_store(f"sqlite:///{file}", HASH_KEY, SHOP)


def test_sqlite__a_page_damaged_after_the_upgrade_is_named(tmp_path: Path) -> None:
    file = store_file(tmp_path)
    with open_state_store(f"sqlite:///{file}", HASH_KEY, SHOP) as state:
        state.catalogue.replace("a/path", 3, "run 1")
    content = bytearray(file.read_bytes())
    with sqlite3.connect(file) as connection:
        page = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'sync_catalogue'"
        ).fetchone()[0]
    connection.close()
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    file.write_bytes(content)
    with (
        open_state_store(f"sqlite:///{file}", HASH_KEY, SHOP) as state,
        pytest.raises(ConfigurationError, match="is damaged"),
    ):
        state.catalogue.last_path()


def test_sqlite__a_damaged_value_is_not_reported_as_a_bug(tmp_path: Path) -> None:
    file = store_file(tmp_path)
    engine = engine_for(parse_url(f"sqlite:///{file}"))
    with pytest.raises(ValueError, match="a bug"), transaction(engine, READ):
        raise ValueError("a bug")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'sync_record'")
    connection.close()
    engine.dispose()
    with pytest.raises(ConfigurationError, match="is damaged"), transaction(engine, READ):
        raise ValueError("unreadable")
    engine.dispose()


def test_sqlite__a_lock_of_another_process_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.state.database.BUSY_SECONDS", 0.1)
    file = store_file(tmp_path)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InfrastructureError, match=r"is busy: .* Look for a program that keeps the file open"):
        open_state_store(f"sqlite:///{file}", HASH_KEY, SHOP)
    other.close()


def test_table__a_removed_table_is_named(tmp_path: Path) -> None:
    file = store_file(tmp_path)
    with open_state_store(f"sqlite:///{file}", HASH_KEY, SHOP) as state:
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE sync_left_edge")
        connection.close()
        with pytest.raises(ConfigurationError, match="lacks a table or column"):
            state.progress.left_edge(PipelineName.CONTACTS)


def test_constraint__a_violation_is_a_contract_error(tmp_path: Path) -> None:
    engine = engine_for(parse_url(f"sqlite:///{store_file(tmp_path)}"))
    with (
        pytest.raises(ContractError, match="IntegrityError, SQLITE_CONSTRAINT"),
        transaction(engine, WRITE) as connection,
    ):
        connection.execute(sa.text("INSERT INTO sync_shop (shop_id) VALUES (1)"))
    engine.dispose()


def refuse_first_connections(engine: sa.Engine, times: int) -> list[int]:
    """Refuse the first connections, like a starting server. Returns a list with one entry per attempt."""
    attempts: list[int] = []

    @sa.event.listens_for(engine, "do_connect")
    def refuse(*_: object) -> None:
        attempts.append(1)
        if len(attempts) <= times:
            raise sqlite3.OperationalError("the database system is starting up")

    return attempts


def test_connection__an_open_state_store_waits_for_a_starting_server(tmp_path: Path) -> None:
    engine = engine_for(parse_url(f"sqlite:///{store_file(tmp_path)}"))
    attempts = refuse_first_connections(engine, 2)
    with transaction(engine, READ, retry_seconds=20) as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
    assert len(attempts) == 3
    engine.dispose()


def test_connection__opening_a_state_store_tries_once(tmp_path: Path) -> None:
    engine = engine_for(parse_url(f"sqlite:///{store_file(tmp_path)}"))
    attempts = refuse_first_connections(engine, 2)
    with pytest.raises(InfrastructureError, match="unreachable or busy"), transaction(engine, READ):
        pytest.fail("the connection was not refused")
    assert len(attempts) == 1
    engine.dispose()


def test_postgresql__a_terminated_connection_fails_one_transaction(postgres: sa.Engine) -> None:
    engine = engine_for(postgres.url)

    def interrupted() -> None:
        with transaction(engine, WRITE) as connection, postgres.connect() as other:
            process = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
            other.execute(sa.text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})
            connection.execute(sa.text("SELECT 1"))

    with pytest.raises(InfrastructureError, match="the connection was lost or the server is starting"):
        interrupted()
    with transaction(engine, READ) as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1
    engine.dispose()
