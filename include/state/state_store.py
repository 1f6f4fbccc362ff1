"""The state store: open it for a shop, call its parts, close it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from include.errors import SyncError
from include.state.catalogue import Catalogue
from include.state.database import Database, engine_for, parse_url, utc_now
from include.state.erasure import Erasure
from include.state.figures import Figures
from include.state.identity import ReadStoreId, find_shop
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
from include.state.schema import require_file
from include.state.shop import Shop
from include.state.task_failures import TaskFailures
from include.state.vendor_texts import VendorTexts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType


class StateStore:
    """The data of a shop that outlives a run, by subject.

    Each call is a transaction of its own, from any thread. Call `close`, or use the state store in a `with`
    statement.
    """

    def __init__(self, database: Database, people: People, shop: Shop) -> None:
        self._database, self._people, self.shop = database, people, shop
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
        """Close the connections to the database. A later call opens new ones."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def open_state_store(
    url: str,
    hash_key: str,
    shop: Shop,
    *,
    read_store_id: ReadStoreId | None = None,
    any_account: bool = False,
    patient: bool = True,
    clock: Callable[[], datetime] = utc_now,
) -> StateStore:
    """Open the state store at `url` (`sqlite:////path` or `postgresql://…`) for one shop.

    Raises `ConfigurationError`, with the command to run, if its tables are missing, older or newer than
    this program, or if another account is behind the shop's name: `find_shop` explains `read_store_id` and
    `any_account`. Raises `TemporaryError` if the database cannot be reached. Without `patient` that takes at
    most some seconds: a caller waits for the answer.
    """
    people = People(hash_key)
    address = parse_url(url)
    require_file(address)
    engine = engine_for(address, patient=patient)
    try:
        shop_id, known = find_shop(engine, shop, read_store_id=read_store_id, any_account=any_account)
        return StateStore(Database(engine, shop_id, clock, patient=patient), people, known)
    except SyncError:
        engine.dispose()
        raise
