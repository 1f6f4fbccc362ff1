"""Create, upgrade and check the tables, and open the state store."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import include.state
from include.errors import ConfigurationError, TemporaryError
from include.outcomes import PipelineName
from include.state import Shop, open_state_store, upgrade
from include.state.database import READ, WRITE, engine_for, parse_url, transaction
from include.state.schema import VERSION_TABLE
from include.state.tables import SCHEMA, metadata
from include.window import BEGINNING, Window

HASH_KEY = "a made-up hash key for tests"
SHOP = Shop("sandboxshop", "http://127.0.0.1:8101", "http://127.0.0.1:8102", "sandbox-key-id")
COMMAND = "python -m plugins.state upgrade"


def set_version(url: str, version: str) -> None:
    engine = engine_for(parse_url(url))
    with transaction(engine, WRITE) as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = :v"), {"v": version})  # noqa: S608
    engine.dispose()


def test_upgrade__creates_the_tables_that_the_code_uses(url: str) -> None:
    engine = engine_for(parse_url(url))
    with transaction(engine, READ) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert sa.inspect(connection).has_table("sync_subscription")
    engine.dispose()


def test_upgrade__the_newest_revision_is_the_expected_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(include.state.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_upgrade__keeps_the_rows(url: str) -> None:
    with open_state_store(url, HASH_KEY, SHOP) as state:
        state.catalogue.replace("a/path", 3, "run 1")
    assert upgrade(url) == SCHEMA
    with open_state_store(url, HASH_KEY, SHOP) as state:
        assert state.catalogue.last_path() == "a/path"


def test_open__without_tables_names_the_command(empty_url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"do(es)? not exist yet") as caught:
        open_state_store(empty_url, HASH_KEY, SHOP)
    assert COMMAND in str(caught.value)


def test_open__an_empty_sqlite_file_names_the_command(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "state.db").close()
    (tmp_path / "state.db").touch()
    with pytest.raises(ConfigurationError, match="tables do not exist yet") as caught:
        open_state_store(f"sqlite:///{tmp_path / 'state.db'}", HASH_KEY, SHOP)
    assert COMMAND in str(caught.value)


@pytest.mark.parametrize(("version", "says"), [("0000", "are older"), ("9999", "are newer")])
def test_open__another_schema_names_the_command(url: str, version: str, says: str) -> None:
    set_version(url, version)
    with pytest.raises(ConfigurationError, match=says) as caught:
        open_state_store(url, HASH_KEY, SHOP)
    assert COMMAND in str(caught.value)


def test_upgrade__does_not_change_a_newer_state_store(url: str) -> None:
    set_version(url, "9999")
    with pytest.raises(ConfigurationError, match="newer"):
        upgrade(url)


@pytest.mark.parametrize(
    "url",
    ["", "not a url", "sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@example.com/d", "x://hunter2"],
)
def test_open__another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed are sqlite") as caught:
        open_state_store(url, HASH_KEY, SHOP)
    assert "hunter2" not in str(caught.value)


def test_open__an_unreachable_database_is_temporary_and_keeps_its_secret() -> None:
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1:1/d is unreachable") as caught:
        open_state_store("postgres://user:hunter2@127.0.0.1:1/d?options=-cx%3Dhunter2", HASH_KEY, SHOP)
    assert "hunter2" not in str(caught.value)


def test_upgrade__a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file/folder is not usable as a folder"):
        upgrade(f"sqlite:///{tmp_path / 'file' / 'folder' / 'state.db'}")


def test_open__a_short_hash_key_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters") as caught:
        open_state_store(url, "hunter2", SHOP)
    assert "hunter2" not in str(caught.value)


def test_state_store__every_shop_has_its_own_rows(opened) -> None:
    here, again = opened(), opened()
    others = [
        opened(Shop("othershop", SHOP.vtex_host, SHOP.connectif_host, SHOP.connectif_key_id)),
        opened(replace(SHOP, name="es", folder="")),
        opened(replace(SHOP, name="mx", folder="", connectif_key_id="another-key")),
    ]
    here.progress.mark_activated(PipelineName.CONTACTS, "run 1", here._database.clock())
    here.catalogue.replace("a/path", 3, "run 1")
    assert again.progress.is_activated(PipelineName.CONTACTS)
    assert again.catalogue.last_path() == "a/path"
    for other in others:
        assert not other.progress.is_activated(PipelineName.CONTACTS)
        assert other.progress.covered(PipelineName.CONTACTS) == []
        assert other.catalogue.last_path() is None


def test_sqlite__uses_wal_and_checks_foreign_keys(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    upgrade(url)
    engine = engine_for(parse_url(url))
    with transaction(engine, READ) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    engine.dispose()


def test_activation__covers_all_time_before_it(state, clock) -> None:
    assert not state.progress.is_activated(PipelineName.CONTACTS)
    state.progress.mark_activated(PipelineName.CONTACTS, "run 1", clock.now)
    state.progress.mark_activated(PipelineName.CONTACTS, "run 1", clock.now)
    assert state.progress.is_activated(PipelineName.CONTACTS)
    assert not state.progress.is_activated(PipelineName.PRODUCTS)
    assert state.progress.covered(PipelineName.CONTACTS) == [Window(BEGINNING, clock.now)]
