"""A whole state store moves between SQLite and PostgreSQL without a difference."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from include.errors import ConfigurationError
from include.outcomes import PipelineName
from include.report import Report
from include.state import Shop, open_state_store, upgrade
from include.state.copying import copy_state
from include.state.database import READ, WRITE, engine_for, parse_url, transaction
from include.state.tables import Instant, metadata

from .conftest import HASH_KEY, SHOP

OTHER = Shop("spain", "https://spain.example", "https://c", "k", name="es")
NOW = datetime(2026, 11, 23, 10, 0, 0, 123_456, tzinfo=UTC)


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    engine = engine_for(parse_url(url))
    with transaction(engine, READ) as connection:
        found = {
            table.name: sorted(
                (dict(row) for row in connection.execute(sa.select(table)).mappings()), key=repr
            )
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def value_of(column: sa.Column[Any], draw: random.Random, shop_id: int) -> Any:
    """A made-up value of the column's type, with accents, microseconds and nested JSON."""
    if column.name == "shop_id":
        return shop_id
    if column.nullable and draw.random() < 0.3:
        return None
    made_up: dict[type, Any] = {
        Instant: NOW + timedelta(microseconds=draw.randrange(10**12)),
        sa.Boolean: draw.random() < 0.5,
        sa.Integer: draw.randrange(10**6),
        sa.JSON: {"a": [1, None, "Boleto Bancário"], "b": {"c": draw.random()}},
    }
    text = f"é{draw.randrange(10**9)}"
    return next((value for kind, value in made_up.items() if isinstance(column.type, kind)), text)


def fill(url: str, rows: int = 40) -> None:
    """Rows in every table of two shops."""
    upgrade(url)
    for shop in (SHOP, OTHER):
        open_state_store(url, HASH_KEY, shop).close()
    draw, engine = random.Random(7), engine_for(parse_url(url))  # noqa: S311 - made-up rows
    with transaction(engine, WRITE) as connection:
        for table in metadata.sorted_tables:
            if table.name == "sync_shop":
                continue
            keyed_by_shop = [column.name for column in table.primary_key] == ["shop_id"]
            for number in range(2 if keyed_by_shop else rows):
                values = {column.name: value_of(column, draw, 1 + number % 2) for column in table.columns}
                connection.execute(sa.insert(table).values(values))
    engine.dispose()


@pytest.fixture
def third(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'back' / 'state.db'}"


def test_copy__to_another_database_and_back_is_identical(empty_url: str, third: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    fill(first)
    said: list[str] = []
    copy_state(first, empty_url, said.append)
    copy_state(empty_url, third, said.append)
    assert rows_of(first) == rows_of(empty_url) == rows_of(third)
    assert all(rows_of(third).values()), "a table without rows proves nothing"
    assert len(said) == 2 * len(metadata.sorted_tables)
    assert "sync_record: 40 rows" in said


def test_copy__can_be_repeated_and_new_shops_get_free_numbers(empty_url: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    fill(first)
    copy_state(first, empty_url, lambda _line: None)
    with open_state_store(first, HASH_KEY, SHOP) as state:
        state.catalogue.replace("a/new/path", 3, "run 9")
    copy_state(first, empty_url, lambda _line: None)
    assert rows_of(first) == rows_of(empty_url)
    with open_state_store(empty_url, HASH_KEY, Shop("third", "https://v", "https://c", "k")) as state:
        assert state.catalogue.last_path() is None
    with open_state_store(empty_url, HASH_KEY, SHOP) as state:
        assert state.catalogue.last_path() == "a/new/path"


def test_copy__refuses_a_target_that_runs_have_used(empty_url: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    fill(first)
    upgrade(empty_url)
    with open_state_store(empty_url, HASH_KEY, SHOP) as state:
        report = Report(pipeline=PipelineName.CONTACTS, mode="window")
        state.reports.save(
            report, PipelineName.CONTACTS, dag_id="sync_contacts", run_id="r", clear_number=0,
            run_key="sync_contacts/r/0", state="success", started_at=NOW, finished_at=NOW,
        )  # fmt: skip
    before = rows_of(empty_url)
    with pytest.raises(ConfigurationError, match=r"in use: .* run sync_contacts/r/0 of the shop sandboxshop"):
        copy_state(first, empty_url, lambda _line: None)
    assert rows_of(empty_url) == before


def test_copy__refuses_to_lose_people_who_were_erased_since(empty_url: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    fill(first, rows=2)
    engine = engine_for(parse_url(first))
    with transaction(engine, WRITE) as connection:  # the made-up ones have another hash key
        connection.execute(sa.delete(metadata.tables["sync_erased"]))
    engine.dispose()
    copy_state(first, empty_url, lambda _line: None)
    with open_state_store(empty_url, HASH_KEY, SHOP) as state:
        state.erasure.erase("ana@example.com")
    with pytest.raises(ConfigurationError, match="does not know all rows of its table sync_erased"):
        copy_state(first, empty_url, lambda _line: None)
    with open_state_store(empty_url, HASH_KEY, SHOP) as state:
        assert state.erasure.is_erased("ana@example.com")


def test_copy__an_interrupted_one_leaves_the_target_as_it_was(empty_url: str, tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    fill(first)
    copy_state(first, empty_url, lambda _line: None)
    before = rows_of(empty_url)
    with open_state_store(first, HASH_KEY, SHOP) as state:
        state.catalogue.replace("a/new/path", 3, "run 9")

    def stop(line: str) -> None:
        if line.startswith("sync_run"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_state(first, empty_url, stop)
    assert rows_of(empty_url) == before


def test_copy__refuses_a_source_without_tables_and_the_same_database(tmp_path: Path) -> None:
    first = f"sqlite:///{tmp_path / 'first.db'}"
    with pytest.raises(ConfigurationError, match="does not exist yet"):
        copy_state(first, f"sqlite:///{tmp_path / 'second.db'}", lambda _line: None)
    fill(first, rows=2)
    with pytest.raises(ConfigurationError, match="the same database"):
        copy_state(first, first, lambda _line: None)
