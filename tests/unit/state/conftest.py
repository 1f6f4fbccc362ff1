"""Every test of the state store runs on SQLite, and on PostgreSQL if a server is reachable."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.state import Shop, StateStore, open_state_store, upgrade

POSTGRES = os.environ.get("SYNC_TEST_POSTGRES_URL") or "postgresql://postgres@127.0.0.1:5432/test"
HASH_KEY = "a made-up hash key for tests"
SHOP = Shop("sandboxshop", "http://127.0.0.1:8101", "http://127.0.0.1:8102", "sandbox-key-id")


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.Engine]:
    address = sa.make_url(POSTGRES).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(address, connect_args={"connect_timeout": 3})
    try:
        with engine.connect():
            pass
    except (sa.exc.OperationalError, ImportError) as error:
        pytest.skip(
            f"no PostgreSQL at {address.render_as_string()}: set SYNC_TEST_POSTGRES_URL to a database whose "
            f"schemas the tests may create and drop ({type(error).__name__})"
        )
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables (in PostgreSQL: a schema of its own)."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new folder' / 'state.db'}"
        return
    engine: sa.Engine = request.getfixturevalue("postgres")
    schema = f"sync_test_{uuid.uuid4().hex[:12]}"
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    yield engine.url.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(
        hide_password=False
    )
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))


@pytest.fixture
def url(empty_url: str) -> str:
    """The URL of a state store with its tables."""
    upgrade(empty_url)
    return empty_url


Opener = Callable[..., StateStore]


@pytest.fixture
def opened(url: str, clock: Clock) -> Iterator[Opener]:
    """Opens the state store; a test may choose another shop or another hash key."""
    stores = []

    def open_state(shop: Shop = SHOP, hash_key: str = HASH_KEY) -> StateStore:
        stores.append(open_state_store(url, hash_key, shop, clock=clock))
        return stores[-1]

    yield open_state
    for state in stores:
        state.close()


@pytest.fixture
def state(opened: Opener) -> StateStore:
    return opened()
