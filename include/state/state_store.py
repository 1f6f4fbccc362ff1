"""The door to the store: open it for a shop, use its parts, close it."""

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
    parsed,
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
from include.state.records import Records
from include.state.reports import Reports
from include.state.retention import Retention
from include.state.schema import require_current, require_file
from include.state.shop import Shop
from include.state.tables import pair as pairs
from include.state.vendor_texts import VendorTexts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType


class StateStore(
    Progress,
    Leases,
    Reports,
    Records,
    VendorTexts,
    Purchases,
    PostMarks,
    NewsletterRuns,
    Catalogue,
    Retention,
    Figures,
    Erasure,
):
    """What outlives a run. Each call is a transaction of its own, from any thread.

    `close` it, or use it in a `with` statement.
    """

    def hashed(self, email: str) -> str:
        """How a person is called in the store: HMAC-SHA256 of the lower-cased address, in hex."""
        return self._people.hashed(email)

    def close(self) -> None:
        """Give the connections back."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def open_state_store(
    url: str, hash_key: str, accounts: Shop, *, clock: Callable[[], datetime] = utc_now
) -> StateStore:
    """The store behind `url` (`sqlite:////path` or `postgresql://…`) for one shop.

    Raises `ConfigurationError`, with the command to run, when its tables are missing, older or newer than
    this program, and `TemporaryError` when the database cannot be reached.
    """
    people = People(hash_key)
    address = parsed(url)
    require_file(address)
    engine = engine_for(address)
    try:
        return StateStore(Database(engine, _shop_id(engine, accounts), clock), people)
    except SyncError:
        engine.dispose()
        raise


def _shop_id(engine: sa.Engine, accounts: Shop) -> int:
    """The number of the pair; its first time makes the row."""
    columns = asdict(accounts)
    query = sa.select(pairs.c.shop_id).where(*(pairs.c[name] == value for name, value in columns.items()))
    with transaction(engine, READ) as connection:
        require_current(connection)
        known = cast("int | None", connection.execute(query).scalar())
    if known is not None:
        return known
    with transaction(engine, WRITE) as connection:
        connection.execute(insert_into(engine, pairs).values(**columns).on_conflict_do_nothing())
        return cast(int, connection.execute(query).scalar_one())
