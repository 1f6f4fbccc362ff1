"""What must outlive a run, in a small relational store (SQLite or PostgreSQL).

`open_store` gives a `Store`; `upgrade` brings its tables up to date.
"""

from include.store.accounts import AccountPair
from include.store.erasure import Traces
from include.store.figures import AppliedWish, ReasonCount
from include.store.newsletter import PendingEvent, Standing, Wish
from include.store.purchases import PurchaseAnswer, StoredPurchase
from include.store.records import OutcomeRow, StoredOutcome
from include.store.reports import StoredReport
from include.store.schema import upgrade
from include.store.store import Store, open_store

__all__ = [
    "AccountPair",
    "AppliedWish",
    "OutcomeRow",
    "PendingEvent",
    "PurchaseAnswer",
    "ReasonCount",
    "Standing",
    "Store",
    "StoredOutcome",
    "StoredPurchase",
    "StoredReport",
    "Traces",
    "Wish",
    "open_store",
    "upgrade",
]
