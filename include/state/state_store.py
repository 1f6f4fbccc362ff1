"""The state store: open it for a shop, call its parts, close it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Self, cast

import sqlalchemy as sa

from include.errors import SyncError
from include.state.catalogue import Catalogue
from include.state.database import (
    READ,
    WRITE,
    Database,
    engine_for,
    insert_into,
    parse_url,
    transaction,
    utc_now,
)
from include.state.erasure import Erasure
from include.state.figures import Figures
from include.state.leases import Leases
from include.state.newsletter_runs import NewsletterRuns
from include.state.people import People
from include.state.post_marks import PostMarks
from include.state.progress import Progress
from include.state.purchases import Purchases
from include.state.record_search import RecordSearch
from include.state.records import Records
from include.state.reports import Reports
from include.state.retention import Retention
from include.state.schema import require_current, require_file
from include.state.shop import Shop
from include.state.tables import shop as shops
from include.state.task_failures import TaskFailures
from include.state.vendor_texts import VendorTexts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType


class StateStore:
    """The data that outlives a run, by subject. Each call is a transaction of its own, from any thread.

    Call `close`, or use the state store in a `with` statement.
    """

    def __init__(self, database: Database, people: People) -> None:
        self._database, self._people = database, people
        self.progress = Progress(database, people)
        self.leases = Leases(database, people)
        self.reports = Reports(database, people)
        self.task_failures = TaskFailures(database, people)
        self.records = Records(database, people)
        self.record_search = RecordSearch(database, people)
        self.vendor_texts = VendorTexts(database, people)
        self.purchases = Purchases(database, people)
        self.post_marks = PostMarks(database, people)
        self.newsletter = NewsletterRuns(database, people)
        self.catalogue = Catalogue(database, people)
        self.retention = Retention(database, people)
        self.figures = Figures(database, people)
        self.erasure = Erasure(database, people)

    def hashed(self, email: str) -> str:
        """The key of a person in the state store: HMAC-SHA256 of the lower-cased address, in hex."""
        return self._people.hashed(email)

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def open_state_store(
    url: str, hash_key: str, shop: Shop, *, clock: Callable[[], datetime] = utc_now
) -> StateStore:
    """Open the state store at `url` (`sqlite:////path` or `postgresql://…`) for one shop.

    Raises `ConfigurationError`, with the command to run, if its tables are missing, older or newer than
    this program. Raises `TemporaryError` if the database cannot be reached.
    """
    people = People(hash_key)
    address = parse_url(url)
    require_file(address)
    engine = engine_for(address)
    try:
        return StateStore(Database(engine, _shop_id(engine, shop), clock), people)
    except SyncError:
        engine.dispose()
        raise


def _shop_id(engine: sa.Engine, shop: Shop) -> int:
    """The row number of the shop; a new shop gets a row."""
    columns = asdict(shop)
    query = sa.select(shops.c.shop_id).where(*(shops.c[name] == value for name, value in columns.items()))
    with transaction(engine, READ) as connection:
        require_current(connection)
        known = cast("int | None", connection.execute(query).scalar())
    if known is not None:
        return known
    with transaction(engine, WRITE) as connection:
        connection.execute(insert_into(engine, shops).values(**columns).on_conflict_do_nothing())
        return cast(int, connection.execute(query).scalar_one())
